#include "tools/replay/page/reasons.h"

#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace nakadachi::replay {
namespace {

// "*" stands for what changes; $1, $2, … put it into the Japanese sentence.
struct Sentence {
  absl::string_view english;
  absl::string_view japanese;
};

constexpr Sentence kSentences[] = {
    // Structure
    {"Without its checkpoint a log proves nothing. An export that was interrupted goes on when it "
     "is asked for again.",
     "チェックポイントのない台帳は何も証明しない。"
     "中断したエクスポートは、もう一度行えば続きから始まる。"},
    {"The tree has this file; it is not there.", "木に属するこのファイルがない。"},
    {"The checkpoint is of * entries; those from * on are not there.",
     "チェックポイントは $1 件だが、記録 $2 以降がない。"},
    {"Hash * is not that of the signed entries.",
     "$1 番目のハッシュが署名された記録のものでない。"},
    {"It and entry * changed places.", "記録 $1 と入れ替わっている。"},
    {"An entry was taken out here.", "ここで記録が 1 件取り除かれている。"},
    {"* entries were taken out here.", "ここで記録が $1 件取り除かれている。"},
    {"An entry was put in here.", "ここに記録が 1 件挿入されている。"},
    {"* entries were put in here.", "ここに記録が $1 件挿入されている。"},
    {"The entries up to * are in another order.", "記録 $1 までの順序が変わっている。"},
    {"The entries end here.", "記録がここで終わっている。"},
    {"The commitment is not the one that was signed.", "約定値が署名されたものでない。"},
    {"Commitments up to that of entry * are not those that were signed.",
     "記録 $1 までの約定値が署名されたものでない。"},
    {"Somewhere in entries * to * are others than those signed; the files were made to agree.",
     "記録 $1 から $2 のどこかが署名されたものと異なり、ファイルは互いに合わせてある。"},
    {"A checkpoint was signed over * entries; the log here has *.",
     "$1 件に署名されたチェックポイントがあるが、ここの台帳は $2 件である。"},
    {"A checkpoint signed over * entries is no earlier state of the log that the newest one "
     "signs.",
     "$1 件に署名されたチェックポイントが、最新のものが署名する台帳の過去の状態でない。"},
    {"Two checkpoints signed over * entries have different roots.",
     "$1 件に署名された二つのチェックポイントの根が異なる。"},
    {"The checkpoint of * entries bears an earlier time than that of *.",
     "$1 件のチェックポイントの時刻が、$2 件のものより早い。"},
    {"Salt and statement do not fit the commitment.", "ソルトと文が約定値に合わない。"},
    {"It is no statement of a known kind by the log's author.",
     "台帳の記録者による既知の種類の文でない。"},
    {"The checkpoint is another log's.", "チェックポイントが別の台帳のものである。"},
    {"The key that signed the checkpoint was not valid at its time.",
     "チェックポイントに署名した鍵が、その時刻に有効でなかった。"},
    {"No known key has signed the checkpoint; a statement that is not there may name the key.",
     "既知の鍵による署名がない。欠けた文がその鍵を定めている場合がある。"},
    {"No key that is proven to be the author's has signed the checkpoint.",
     "記録者のものと証明された鍵による署名がない。"},
    {"* statement(s) are absent.", "文の本体が $1 件欠落している。"},
    {"* statement(s) are unreadable.", "文の本体 $1 件が台帳の中で読めない。"},
    {"* statement(s) are erased, and no Operation says so.",
     "文 $1 件が消去されているが、それを示す操作記録がない。"},
    {"The records of fiscal year * were to be kept until April of *.",
     "$1 年度の記録は $2 年 4 月まで保存しなければならない。"},
    {"No Operation said before what would be erased.", "消去の予告となる操作記録がない。"},
    {"It covers entries of fiscal year *, not only of *.",
     "$2 年度だけでなく $1 年度の記録にも及ぶ。"},
    {"It was held since entry *, and is erased.", "記録 $1 以降保全されていたが、消去されている。"},
    {"This log is not among the evidence; * exchange(s), or parts of such, could not be judged "
     "without it.",
     "この台帳は証拠に含まれておらず、情報連携(またはその一部)$1 件を判定できない。"},
    {"* exchange(s), or parts of such, could not be judged: of this log, * entries are not there; "
     "of the statements, * are absent, * changed, * unreadable, * erased, * out of scope.",
     "情報連携(またはその一部)$1 件を判定できない。この台帳の記録 $2 件がなく、文の本体は欠落 $3 "
     "件、変更 $4 件、読取不能 $5 件、消去 $6 件、範囲外 $7 件である。"},
    {"* exchange(s), or parts of such, could not be judged: this log cannot be read.",
     "この台帳を読めないため、情報連携(またはその一部)$1 件を判定できない。"},
    {"The log's author has no power to make a statement of this kind.",
     "台帳の記録者には、この種類の文を作る権限がない。"},
    // Directory and time
    {"The Directory statement has number * where * is next.",
     "登録簿の文の番号が $1 だが、次は $2 のはずである。"},
    {"The network was founded with another key than the one that is trusted here: nothing can be "
     "judged by it.",
     "ここで信頼する鍵とは別の鍵で設立されたネットワークである。この鍵では何も判定できない。"},
    {"The Directory statement breaks the rule \"*\" (*).", "登録簿の文が規則「$1」に反する($2)。"},
    {"Version * of the permission list is in force from * ms before it was published.",
     "照合リスト第 $1 版は、公表の $2 ミリ秒前から効力を持つとされている。"},
    {"A key of * is revoked from * ms before the statement that revokes it.",
     "$1 の鍵が、失効の文の $2 ミリ秒前から失効とされている。"},
    {"Its time is * ms before that of an entry recorded earlier.",
     "時刻が、先に記録された文より $1 ミリ秒早い。"},
    {"Its time is * ms after the checkpoint that covers it.",
     "時刻が、それを含むチェックポイントより $1 ミリ秒遅い。"},
    // Decisions
    {"The broker's log has no decision on this query, and reaches a day beyond it.",
     "ネットワークの台帳は一日以上後まであるが、この照会への判断がない。"},
    {"The query has this permit and an earlier permit.", "照会に、この許可より前の許可がある。"},
    {"The query has this permit and an earlier refusal.", "照会に、この許可より前の拒否がある。"},
    {"The query has this refusal and an earlier permit.", "照会に、この拒否より前の許可がある。"},
    {"The query has this refusal and an earlier refusal.", "照会に、この拒否より前の拒否がある。"},
    {"Its requester is not the query's.", "情報照会者が照会と異なる。"},
    {"Its provider is not the query's.", "情報提供者が照会と異なる。"},
    {"Its procedure is not the query's.", "事務が照会と異なる。"},
    {"Its list of items is not the query's.", "項目が照会と異なる。"},
    {"Its department is not the query's.", "部署が照会と異なる。"},
    {"Its non-disclosure flag is not the query's.", "不開示フラグが照会と異なる。"},
    {"It was recorded * ms before the query that it decides.",
     "判断の対象である照会より $1 ミリ秒前に記録されている。"},
    {"The query was * ms old, and a permit lives * ms.",
     "照会は $1 ミリ秒前のもので、許可の有効期間は $2 ミリ秒である。"},
    {"It was refused as a query to oneself, but names two institutions.",
     "自己照会として拒否されたが、二つの機関が示されている。"},
    {"It was refused for an unknown provider, which was a member with a valid key.",
     "情報提供者不明として拒否されたが、有効な鍵を持つ参加機関であった。"},
    {"It was refused as malformed, but the query keeps every rule.",
     "書式違反として拒否されたが、照会はすべての規則を守っている。"},
    {"It gives no reason that is known.", "既知の理由が示されていない。"},
    {"No permission list was in force.", "効力のある照合リストがなかった。"},
    {"Version * of the list, in force then, does not permit it: *.",
     "当時効力のあった照合リスト第 $1 版はこれを許可しない($2)。"},
    {"It was refused as *, but version * of the list, in force then, says *.",
     "$1 として拒否されたが、当時効力のあった照合リスト第 $2 版では $3 である。"},
    {"It rests on version * of the list, but version * was in force.",
     "照合リスト第 $1 版に基づくが、効力があったのは第 $2 版である。"},
    {"It rests on version * of the list, but none was in force.",
     "照合リスト第 $1 版に基づくが、効力のある版はなかった。"},
    {"A field breaks its rule (*).", "規則に反する欄がある($1)。"},
    {"The requester was no member then.", "情報照会者は当時参加していなかった。"},
    {"The provider was no member then.", "情報提供者は当時参加していなかった。"},
    {"It rests on * Directory statements, but only * were recorded before it.",
     "登録簿の文 $1 件に基づくとするが、それまでの記録は $2 件である。"},
    {"The rows of version * that permit it name another legal basis.",
     "これを許可する第 $1 版の行は、別の法的根拠を示している。"},
    // Exchanges
    {"It was recorded by another institution than the permit's provider.",
     "許可証の情報提供者でない機関が記録した。"},
    {"It was recorded by another institution than the permit's requester.",
     "許可証の情報照会者でない機関が記録した。"},
    {"Its requester or provider is not the permit's.", "当事者が許可証と異なる。"},
    {"It does not agree with itself (*).", "記載が互いに矛盾する($1)。"},
    {"Its permit number is another permit's.", "許可番号が別の許可証のものである。"},
    {"Its procedure is not the permit's.", "事務が許可証と異なる。"},
    {"It names * item(s) that the permit does not.", "許可証にない項目が $1 件ある。"},
    {"It was recorded * ms before its permit.", "許可証より $1 ミリ秒前に記録されている。"},
    {"It was recorded * ms before the permit.", "許可証より $1 ミリ秒前に記録されている。"},
    {"It was recorded * ms before the provision.", "提供より $1 ミリ秒前に記録されている。"},
    {"It was recorded * ms after the permit's validity ended.",
     "許可証の有効期間が終わってから $1 ミリ秒後に記録されている。"},
    {"The provider answered, but version * of the list, which the permit names, says *.",
     "提供されたが、許可証の示す照合リスト第 $1 版では $2 である。"},
    {"The provider answered, but version * of the list, in force when it answered, says *.",
     "提供されたが、提供時に効力のあった照合リスト第 $1 版では $2 である。"},
    {"It was refused as not permitted, but the list that the permit names permits it.",
     "許可されないとして拒否されたが、許可証の示す照合リストは許可している。"},
    {"It was refused for a newer list, but none in force then forbids it.",
     "新しい照合リストを理由に拒否されたが、当時効力のあったどの版も禁じていない。"},
    {"It was refused as expired, but within the permit's validity.",
     "期限切れとして拒否されたが、許可証の有効期間内である。"},
    {"The permit had a final answer already.", "許可証には既に最終の提供があった。"},
    {"It follows a review, but the log does not say that one was awaited.",
     "確認後の提供とするが、確認待ちの記録がない。"},
    {"It confirms an answer that awaited review.", "確認待ちの提供を受領している。"},
    {"The requester could not verify the answer.", "情報照会者は回答を検証できなかった。"},
    {"It stands before its query in the same log.", "同じ台帳で、照会より前に記録されている。"},
    {"The permit had a receipt already.", "許可証には既に受領があった。"},
    {"Its validity ended without a final provision.", "最終の提供のないまま有効期間が終わった。"},
    {"The permit's validity ended without a receipt of this answer.",
     "この提供の受領がないまま、許可証の有効期間が終わった。"},
    {"The requester's log does not hold the query that it names.",
     "示された照会が情報照会者の台帳にない。"},
    {"The provider's log does not hold the provision that it confirms.",
     "受領した提供が情報提供者の台帳にない。"},
    {"It names a permit that the broker never recorded, with the number of one that it did.",
     "ネットワークが記録していない許可証を、実在の許可番号で示している。"},
    {"Provider and requester name a permit that the broker never recorded.",
     "情報提供者と情報照会者が、ネットワークの記録にない許可証を示している。"},
    {"The receipt names a permit that the broker never recorded.",
     "受領が、ネットワークの記録にない許可証を示している。"},
    {"The broker's log does not hold the permit that it names.",
     "示された許可証がネットワークの台帳にない。"},
    {"An earlier permit bears its number.", "前の許可証に同じ許可番号がある。"},
};

// What the stars of a pattern stand for, each as short as can be; false where it does not fit.
bool Match(absl::string_view pattern, absl::string_view text, std::vector<std::string>* stars) {
  const std::vector<absl::string_view> pieces = absl::StrSplit(pattern, '*');
  if (!absl::ConsumePrefix(&text, pieces.front())) return false;
  for (size_t i = 1; i < pieces.size(); ++i) {
    const bool last = i + 1 == pieces.size();
    if (last && !absl::EndsWith(text, pieces[i])) return false;
    const size_t at = last ? text.size() - pieces[i].size() : text.find(pieces[i]);
    if (at == absl::string_view::npos) return false;
    stars->emplace_back(text.substr(0, at));
    text.remove_prefix(at + pieces[i].size());
  }
  return text.empty();
}

std::string Say(absl::string_view reason) {
  for (const Sentence& sentence : kSentences) {
    std::vector<std::string> stars;
    if (!Match(sentence.english, reason, &stars)) continue;
    std::vector<std::pair<std::string, std::string>> places;
    for (size_t i = 0; i < stars.size(); ++i) {
      places.emplace_back(absl::StrCat("$", i + 1), stars[i]);
    }
    return absl::StrReplaceAll(sentence.japanese, places);
  }
  return "";
}

}  // namespace

std::string ReasonInJapanese(absl::string_view reason) {
  std::string said = Say(reason);
  if (!said.empty() || !absl::ConsumeSuffix(&reason, ")")) return said;
  // Behind the sentence the file may be named.
  const size_t at = reason.rfind(" (");
  if (at == absl::string_view::npos) return "";
  said = Say(reason.substr(0, at));
  return said.empty() ? "" : absl::StrCat(said, "(", reason.substr(at + 2), ")");
}

}  // namespace nakadachi::replay
