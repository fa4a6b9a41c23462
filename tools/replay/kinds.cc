#include "tools/replay/finding.h"

namespace nakadachi::replay {
namespace {

constexpr Severity kNote = Severity::kNote;
constexpr Severity kFound = Severity::kFinding;

// What is written of several kinds.
constexpr char kWhoAltered[] =
    "Not who altered it, nor when: the log's own institution, someone who handled the export, or a "
    "failing disk. Export again and compare.";
constexpr char kWhoAlteredJa[] =
    "誰がいつ改変したかは分からない。当該機関、エクスポートを扱った者、故障したディスクのいずれもあ"
    "り得る。"
    "改めてエクスポートして比べること。";
constexpr char kClocks[] =
    "Not which of the clocks was wrong; a time is only what its author's clock said.";
constexpr char kClocksJa[] =
    "どの時計が誤っていたかは分からない。時刻は記録者の時計が示したものにすぎない。";
constexpr char kNotIntent[] =
    "Not whether it was meant: a fault of software leaves the same trace.";
constexpr char kNotIntentJa[] = "故意かどうかは分からない。ソフトウェアの不具合も同じ痕跡を残す。";

}  // namespace

const std::vector<Kind>& Kinds() {
  static const auto& kinds = *new std::vector<Kind>{
      // ---- Structure
      {"unreadable", kFound, Area::kStructure, "A file cannot be read",
       "A file of the export cannot be read, or its bytes are not of the format.", kWhoAltered,
       "ファイルを読み取れない", "ファイルを読めないか、定められた形式でない。", kWhoAlteredJa},
      {"missing-file", kFound, Area::kStructure, "A file is missing",
       "The signed tree has a file that the export does not hold.",
       "Not that it was destroyed at its institution: export again.", "ファイルがない",
       "署名された木に属するファイルがエクスポートにない。",
       "当該機関で失われたとは限らない。改めてエクスポートすること。"},
      {"truncated", kFound, Area::kStructure, "A log is shorter than what was signed",
       "A signed checkpoint covers more entries than the export holds.",
       "Not what the missing entries said; other logs may still name them.", "台帳が署名時より短い",
       "署名されたチェックポイントの件数より、含まれる記録が少ない。",
       "欠けた記録の内容は分からない。他の台帳に手掛かりが残る場合がある。"},
      {"changed-entry", kFound, Area::kStructure, "An entry was changed",
       "An entry is not the one that was signed.", kWhoAltered, "記録が変更されている",
       "記録が署名時のものと異なる。", kWhoAlteredJa},
      {"removed-entry", kFound, Area::kStructure, "An entry was removed",
       "An entry that was signed is gone, and the later ones have moved up.", kWhoAltered,
       "記録が取り除かれている", "署名された記録がなくなり、後の記録が前に詰められている。",
       kWhoAlteredJa},
      {"inserted-entry", kFound, Area::kStructure, "An entry was inserted",
       "An entry that was not signed was put in, and the later ones have moved down.", kWhoAltered,
       "記録が挿入されている", "署名されていない記録が挿入され、後の記録がずれている。",
       kWhoAlteredJa},
      {"swapped-entries", kFound, Area::kStructure, "Two entries changed places",
       "The entries are those that were signed, but two of them have changed places.", kWhoAltered,
       "二つの記録が入れ替わっている", "署名された記録のうち二つの位置が入れ替わっている。",
       kWhoAlteredJa},
      {"reordered-entries", kFound, Area::kStructure, "Entries are in another order",
       "The entries are those that were signed, in another order.", kWhoAltered,
       "記録の順序が変えられている", "署名された記録が別の順序で並んでいる。", kWhoAlteredJa},
      {"rewritten", kFound, Area::kStructure, "Entries were rewritten",
       "A run of entries is not the one that was signed, and the files do not tell more.",
       "Not what was done to them: the tiles were made to agree.", "記録が書き換えられている",
       "一続きの記録が署名時のものと異なる。",
       "タイルも合わせられており、何が行われたかは分からない。"},
      {"changed-tile", kFound, Area::kStructure, "A tile of the tree was changed",
       "A stored hash is not the one that the entries lead to, though the entries are those that "
       "were signed.",
       kWhoAltered, "木のタイルが変更されている",
       "記録は署名時のものだが、保存されたハッシュがそれと合わない。", kWhoAlteredJa},
      {"changed-body", kFound, Area::kStructure, "A statement was changed",
       "Salt and statement are not those that the entry commits to; the statement was not judged.",
       kWhoAltered, "文の本体が変更されている",
       "ソルトと文が記録の約定値に合わない。その文は判定に用いていない。", kWhoAlteredJa},
      {"foreign-statement", kFound, Area::kStructure, "A statement of another, or none",
       "The bytes are those that were recorded, but they are no statement of a known kind, or name "
       "another author.",
       "Not that the named author said it: only its own log could show that.",
       "他機関名義または判読不能の文",
       "記録されたとおりのバイト列だが、既知の種類の文でないか、別の記録者を名乗っている。",
       "名指しされた機関がそう述べたことの証拠にはならない。"},
      {"statement-misplaced", kFound, Area::kStructure, "A statement that only another may make",
       "The log holds a statement of a kind that its author has no power to make: a permit in a "
       "member's log is no permit.",
       kNotIntent, "権限のない種類の文",
       "記録者に作成権限のない種類の文がある。参加機関の台帳にある許可証は許可証ではない。",
       kNotIntentJa},
      {"two-histories", kFound, Area::kStructure, "Two histories of one log",
       "Two checkpoints signed for the same log cannot both be of one growing tree. Whoever signed "
       "them has shown different histories to different readers.",
       "Not which of the two is the true one. That the signer made both is certain, or its key was "
       "in other hands.",
       "一つの台帳に二つの歴史がある",
       "同じ台帳に署名された二つのチェックポイントが、一本の追記だけの木として両立しない。",
       "どちらが真の歴史かは分からない。署名者が両方に署名したか、鍵が他人の手に渡っていた。"},
      {"foreign-key", kFound, Area::kStructure, "Signed by a key that is not the author's",
       "No key that the directory gives to the institution has signed the checkpoint.",
       "Not whose key it was.", "当該機関のものでない鍵による署名",
       "登録簿上その機関に属する鍵では署名されていない。", "誰の鍵かは分からない。"},
      {"revoked-key", kFound, Area::kStructure, "Signed by a revoked or expired key",
       "The key that signed was the institution's, but revoked or out of its validity at the time "
       "of the checkpoint.",
       "Not who used it: a stolen key and a server that was not told of the revocation look alike.",
       "失効した鍵による署名",
       "署名した鍵はその機関のものだが、チェックポイントの時刻には失効または有効期間外であった。",
       "誰が使ったかは分からない。盗まれた鍵と、失効を知らないサーバーは区別できない。"},
      {"unproven-key", kFound, Area::kStructure, "Signed by a key that nothing here proves",
       "No known key has signed the checkpoint, but statements of the broker's log are not there, "
       "and one of them may name the key.",
       "Not that the key is another's: get what is absent and judge again.",
       "証明できない鍵による署名",
       "既知の鍵では署名されていない。ただしネットワークの台帳に欠けた文があり、その鍵を定める文で"
       "あり得る。",
       "他者の鍵とは限らない。欠けたものを得て、改めて判定すること。"},
      {"foreign-origin", kFound, Area::kStructure, "A checkpoint of another log",
       "The checkpoint is not of the log that it lies with.", kWhoAltered,
       "別の台帳のチェックポイント", "チェックポイントがその台帳のものでない。", kWhoAlteredJa},
      {"clock-moved-back", kFound, Area::kStructure, "A later checkpoint with an earlier time",
       "Of two checkpoints of one log, the longer bears the earlier time.", kClocks,
       "時刻が逆行するチェックポイント",
       "同じ台帳の二つのチェックポイントのうち、長い方の時刻が早い。", kClocksJa},
      {"newer-checkpoint", kNote, Area::kStructure, "A checkpoint from after the export",
       "A checkpoint that was seen elsewhere is of more entries than the export and of a later "
       "time.",
       "Not whether it is a later state of this log, nor whether the export was put back to an "
       "older "
       "one: export again, and give it anew.",
       "エクスポート後のチェックポイント",
       "他で見られたチェックポイントが、このエクスポートより後の時刻のもので、件数も多い。",
       "同じ台帳の後の状態か、エクスポートが古いものに置き換えられたのかは分からない。"
       "改めてエクスポートし、もう一度示すこと。"},
      {"body-absent", kNote, Area::kStructure, "Statements are absent",
       "Entries are in the tree and within the scope of the export, but their ledger could not "
       "give the statements.",
       "Not why: ask the institution.", "文の本体がない",
       "記録は木にあり範囲内でもあるが、台帳から本体が得られなかった。",
       "理由は分からない。当該機関に確認すること。"},
      {"body-unreadable", kNote, Area::kStructure, "Statements are damaged or lost in the ledger",
       "Entries are in the tree; their ledger said, when it was exported, that it cannot read "
       "the statements.",
       "Not why, and not what they said: the institution may have a copy of its database.",
       "台帳の中で文の本体が読めない",
       "記録は木にあるが、エクスポートの際、台帳は本体を読めないと答えた。",
       "理由も、文の内容も分からない。当該機関がデータベースの写しを持つことがある。"},
      {"log-missing", kNote, Area::kStructure, "A log is not in the export",
       "The directory, or the export's own list, names a log that is not among the evidence; what "
       "refers to it was not judged.",
       "Nothing about that institution.", "台帳が含まれていない",
       "登録簿またはエクスポートの目録にある台帳が証拠に含まれず、これに関わる参照は判定していない"
       "。",
       "その機関については何も言えない。"},
      {"not-judged", kNote, Area::kStructure, "Exchanges could not be judged",
       "What one log says rests on entries of this log that are absent, unreadable, erased or out "
       "of scope.",
       "Neither that these exchanges are in order nor that they are not.", "判定できない情報連携",
       "欠落、読取不能、消去または範囲外の記録に依存するため、判定できない情報連携がある。",
       "正しいとも、誤りがあるとも言えない。"},

      // ---- Directory and time
      {"directory-broken", kFound, Area::kDirectory, "The directory does not hold together",
       "A Directory statement breaks a rule: its number is not the next, it names an unknown "
       "member or key, or repeats what was there.",
       kNotIntent, "登録簿が整合しない",
       "登録簿の文が規則に反する（番号が連続しない、未知の機関や鍵、重複など）。", kNotIntentJa},
      {"list-retroactive", kFound, Area::kDirectory, "A permission list with a retroactive date",
       "A list was published to be in force from before its own publication. Decisions of the time "
       "before are judged by the list that was known then.",
       "Not that anyone was harmed: see the decisions that follow.", "照合リストの遡及適用",
       "公表より前の日付から効力を持つ照合リストが公表された。それ以前の判断は当時知られていたリス"
       "トで再判定した。",
       "実害の有無は分からない。"},
      {"revocation-retroactive", kFound, Area::kDirectory, "A revocation with a retroactive date",
       "A key was revoked from a time before the statement that revokes it.",
       "Not whether signatures made in between are false.", "鍵の失効の遡及適用",
       "失効の文より前の時点から鍵が失効とされた。", "その間の署名が偽りとは限らない。"},
      {"clock-back", kFound, Area::kDirectory, "A clock was moved back",
       "A statement bears a time earlier than a statement recorded before it in the same log, by "
       "more than the tolerance.",
       kClocks, "時計が戻されている",
       "同じ台帳で先に記録された文より、許容誤差を超えて早い時刻の文がある。", kClocksJa},
      {"time-ahead", kFound, Area::kDirectory, "A statement from after its checkpoint",
       "A statement bears a time later than the checkpoint over it, by more than the tolerance.",
       kClocks, "チェックポイントより後の時刻の記録",
       "文の時刻が、それを含むチェックポイントの時刻より許容誤差を超えて遅い。", kClocksJa},
      {"erased-without-record", kFound, Area::kDirectory, "Erased without a record",
       "Statements are said to be erased that no erasure Operation of the same log covers, or an "
       "erasure is said to be done that was never announced.",
       "Not what the statements said, nor when they went.", "記録のない消去",
       "消去の操作記録が及ばない文が消去済みとされているか、予告のない消去が完了とされている。",
       "文の内容も、いつ失われたかも分からない。"},
      {"erased-early", kFound, Area::kDirectory, "Erased before its time",
       "An erasure was recorded before the seven years of its fiscal year were over.",
       "Not why: the server's clock may have been wrong.", "期限前の消去",
       "会計年度の七年が過ぎる前に消去が記録された。",
       "理由は分からない。サーバーの時計が誤っていた場合もある。"},
      {"erasure-range", kFound, Area::kDirectory, "An erasure that reaches into another year",
       "The entries that an erasure covers are not those of the fiscal year that it names.",
       "Not what was in those that are gone.", "他の年度に及ぶ消去",
       "消去の範囲に、示された会計年度以外の記録が含まれる。", "失われた文の内容は分からない。"},
      {"held-erased", kFound, Area::kDirectory, "Erased in spite of a legal hold",
       "An entry that a legal hold named was erased while the hold was in force.",
       "Not what it said. Holds by permit number cannot be checked once the statement is gone.",
       "保全中の消去", "法的保全で指定された記録が、保全の解除前に消去された。",
       "文の内容は分からない。許可番号による保全は、文が失われた後は確かめられない。"},

      // ---- Decisions
      {"permit-against-list", kFound, Area::kDecision, "A permit that the list does not allow",
       "The broker permitted what the list in force at that time forbids.",
       "Not whether information left: see the provision, if there is one.",
       "照合リストに反する許可", "当時効力のあった照合リストが認めない照会を許可した。",
       "情報が提供されたかどうかは、提供の記録を見ること。"},
      {"permit-against-rule", kFound, Area::kDecision, "A permit against another rule",
       "The broker permitted a query that it must refuse: to itself, by or to an institution that "
       "was no member, with fields that break their rule, or with a validity or directory that "
       "cannot be.",
       kNotIntent, "規則に反する許可",
       "拒否すべき照会（自己照会、非参加機関、書式違反、あり得ない有効期間など）を許可した。",
       kNotIntentJa},
      {"wrong-list", kFound, Area::kDecision, "Decided by a list that was not in force",
       "The decision names another version of the permission list than the one in force then.",
       "Not that the decision would have been another; that is said where it is so.",
       "効力のない照合リストによる判断", "判断が示す照合リストの版が、当時効力のあった版と異なる。",
       "結論が変わったとは限らない。変わる場合は別に示す。"},
      {"legal-basis-differs", kFound, Area::kDecision, "Another legal basis than the list's",
       "The permit names other rows of law than those that decide.", kNotIntent, "法的根拠が異なる",
       "許可証の法的根拠が、照合リストで判断を決めた行と異なる。", kNotIntentJa},
      {"refusal-against-list", kFound, Area::kDecision, "A refusal that the evidence contradicts",
       "The broker refused for a reason that the list, the directory or the query itself does not "
       "bear out.",
       "Not whether another reason, that no ledger holds, would have stood.", "根拠のない拒否",
       "拒否の理由が照合リスト、登録簿または照会の内容と合わない。",
       "記録に残らない別の理由があったかは分からない。"},
      {"provision-against-list", kFound, Area::kDecision, "A provision that the list forbids",
       "The provider answered although the list named by the permit, or a newer one in force when "
       "it answered, forbids the query.",
       "Not that the provider knew the newer list.", "照合リストに反する提供",
       "許可証の版、または提供時に効力のあった新しい版が認めない照会に提供した。",
       "提供者が新しい版を知っていたかは分からない。"},
      {"provision-refusal-unfounded", kFound, Area::kDecision,
       "A provider refused without a ground in the lists",
       "The provider refused for the list's sake, but no list that it must apply forbids the "
       "query.",
       kNotIntent, "根拠のない提供拒否",
       "照合リストを理由に提供を拒否したが、適用すべきどの版もその照会を禁じていない。",
       kNotIntentJa},

      // ---- Exchanges
      {"permit-without-query", kFound, Area::kExchange, "A permit for a query that nobody recorded",
       "The permit names a query that the requester's log does not hold, though it reaches beyond "
       "that time.",
       "Not which of the two is at fault: the broker may have invented the query, or the requester "
       "asked without recording.",
       "照会の記録がない許可", "許可証の示す照会が照会者の台帳に存在しない。",
       "情報提供ネットワーク側と照会者側のいずれに原因があるかは分からない。"},
      {"permit-differs", kFound, Area::kExchange, "A permit that is not what was asked",
       "Requester, provider, procedure, items, department or non-disclosure differ from the query.",
       kNotIntent, "照会と異なる許可",
       "照会者、提供者、事務、項目、部署または不開示の別が照会と異なる。", kNotIntentJa},
      {"decision-doubled", kFound, Area::kExchange, "One query decided twice",
       "The broker recorded two permits, or a permit and a refusal of the query itself, for one "
       "query.",
       kNotIntent, "一つの照会に二つの判断", "一つの照会に許可が二つ、または許可と拒否がある。",
       kNotIntentJa},
      {"refusal-differs", kFound, Area::kExchange, "A refusal that is not about what was asked",
       "Requester, provider, procedure, items or department differ from the query it names.",
       kNotIntent, "照会と異なる拒否", "拒否の記載が照会と異なる。", kNotIntentJa},
      {"refusal-without-query", kFound, Area::kExchange,
       "A refusal for a query that nobody recorded",
       "The broker refused a query whose proof it accepted, but the requester's log does not hold "
       "it.",
       "Not which of the two is at fault.", "照会の記録がない拒否",
       "証明を認めたはずの照会が照会者の台帳に存在しない。", "どちらに原因があるかは分からない。"},
      {"permit-late", kFound, Area::kExchange, "A permit for a query that was too old",
       "The query is older than a permit lives, and was to be refused.", kClocks,
       "古すぎる照会への許可", "許可の有効期間より古い照会に許可を出した。", kClocksJa},
      {"permit-number-doubled", kFound, Area::kExchange, "Two permits with one number",
       "The number that pairs the halves of an exchange stands in two permits.", kNotIntent,
       "許可番号の重複", "一つの許可番号が二つの許可証にある。", kNotIntentJa},
      {"out-of-order", kFound, Area::kExchange, "Recorded in the wrong order",
       "A statement is earlier than the one it answers: by more than the tolerance between two "
       "logs, or by its place in the same log.",
       kClocks, "記録の順序が逆", "応答が、応答の対象より前の時刻または前の位置に記録されている。",
       kClocksJa},
      {"permit-forged", kFound, Area::kExchange, "A permit that the broker never recorded",
       "A provider and a requester agree on a permit, or it bears the number of a real one, or it "
       "names an entry of the broker's log that is no permit; the broker's log does not hold it.",
       "Not who made it; that the broker recorded it is excluded.", "記録のない許可証（偽造）",
       "提供者と照会者が同じ許可証を示すか、実在の番号を持つなどするが、ネットワークの台帳に記録が"
       "ない。",
       "誰が作ったかは分からない。ネットワークが記録したものではない。"},
      {"provision-without-permit", kFound, Area::kExchange, "An answer without permit",
       "A provider recorded a provision under a permit that the broker's log does not hold, though "
       "it reaches beyond that time.",
       "Not that information left, nor to whom: a provision is recorded before anything is sent.",
       "許可のない提供", "ネットワークの台帳に存在しない許可証に基づく提供が記録されている。",
       "情報が実際に送られたか、誰に送られたかは分からない。"},
      {"provision-redirected", kFound, Area::kExchange, "Answered by another than the provider",
       "The institution that answered, or that the provision names, is not the permit's.",
       kNotIntent, "許可証と異なる機関による提供",
       "提供した機関、または提供の記録が示す当事者が許可証と異なる。", kNotIntentJa},
      {"provision-doubled", kFound, Area::kExchange, "A permit used twice",
       "A provider recorded two final answers under one permit.", kNotIntent, "許可証の二重使用",
       "一つの許可証に最終の提供が二つ記録されている。", kNotIntentJa},
      {"provision-late", kFound, Area::kExchange, "Answered after the permit's validity",
       "The provision's time is not within the permit's validity.", kClocks, "有効期間外の提供",
       "提供の時刻が許可証の有効期間内にない。", kClocksJa},
      {"provision-beyond-items", kFound, Area::kExchange, "Answered beyond the permitted items",
       "The provision names an item that the permit does not.",
       "Not what the payload held: only its digest is recorded.", "許可項目を超える提供",
       "許可証にない項目が提供の記録にある。", "提供内容そのものは要約値しか記録されない。"},
      {"provision-differs", kFound, Area::kExchange, "A provision that contradicts its permit",
       "Number, procedure, outcome or the parts that go with it do not agree.", kNotIntent,
       "許可証と矛盾する提供", "番号、事務、結果などが許可証または相互に矛盾する。", kNotIntentJa},
      {"review-after-answer", kFound, Area::kExchange, "A review after the answer",
       "The provider recorded that staff would look after it had already answered.", kNotIntent,
       "回答後の確認待ち", "最終の提供の後に確認待ちが記録されている。", kNotIntentJa},
      {"receipt-without-provision", kFound, Area::kExchange, "A receipt without provision",
       "The requester recorded as verified an answer that the provider's log does not hold, though "
       "it reaches beyond that time.",
       "Not who is at fault: the provider may have answered without recording, or the requester "
       "invented it.",
       "提供の記録がない受領", "検証済みとして受領した提供が提供者の台帳に存在しない。",
       "提供者と照会者のいずれに原因があるかは分からない。"},
      {"receipt-redirected", kFound, Area::kExchange, "Received by another than the requester",
       "The institution that recorded the receipt, or that it names, is not the permit's.",
       "Not how the answer came there.", "許可証と異なる機関による受領",
       "受領した機関、または受領の記録が示す当事者が許可証と異なる。",
       "どのような経路で渡ったかは分からない。"},
      {"receipt-doubled", kFound, Area::kExchange, "Two receipts for one permit",
       "The requester recorded two receipts that do not replace each other.", kNotIntent,
       "受領の重複", "一つの許可証に、置き換えに当たらない受領が二つある。", kNotIntentJa},
      {"receipt-differs", kFound, Area::kExchange, "A receipt that contradicts its provision",
       "Number or permit differ, or it confirms an answer that was not final.", kNotIntent,
       "提供と矛盾する受領", "番号や許可証が異なるか、最終でない提供を受領している。",
       kNotIntentJa},
      {"permit-unanswered", kNote, Area::kExchange, "A permit that lapsed",
       "Its validity ended without a provision.",
       "Not that anything is wrong: a provider may have been away.", "失効した許可",
       "提供のないまま有効期間が終わった。", "異常とは限らない。"},
      {"provision-unreceipted", kNote, Area::kExchange, "An answer without receipt",
       "The permit's validity ended, the provider answered, and no receipt was recorded.",
       "Not whether the answer arrived: it may be lost on the way, and an honest requester shows "
       "nobody what it has not receipted.",
       "受領のない提供", "提供は記録されたが、有効期間が終わっても受領の記録がない。",
       "回答が届いたかどうかは分からない。"},
      {"receipt-unverified", kNote, Area::kExchange, "The requester could not verify the answer",
       "A receipt says that the answer did not verify; nobody was shown it.",
       "Not that the provider lied: the way between them may have altered it.",
       "検証できなかった受領", "回答を検証できなかったという受領が記録されている。",
       "提供者の偽りとは限らない。"},
      {"query-undecided", kNote, Area::kExchange, "A query without decision",
       "The requester recorded a query long before the broker's checkpoint, and the broker's log "
       "has no decision on it.",
       "Not that the broker suppressed it: it may never have arrived.", "判断のない照会",
       "照会が記録されたが、ネットワークの台帳に判断がない。", "届かなかっただけの場合もある。"},
  };
  return kinds;
}

}  // namespace nakadachi::replay
