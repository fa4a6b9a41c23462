// Statements are read from their bytes, so that what is shown is what was hashed.

const REASONS = ['unspecified', 'not-permitted', 'unknown-provider', 'unknown-procedure', 'unknown-item',
  'invalid-code', 'proof-invalid', 'key-not-valid', 'clock-skew', 'malformed', 'self-query',
  'requester-mismatch', 'list-newer-forbids', 'staff-decision', 'permit-expired'];
const OUTCOMES = ['unspecified', 'provided', 'not-held', 'not-registered', 'withheld', 'awaiting-review', 'refused'];
// Fields by number: name and form (text, bytes, time, number, flag, reason, outcome, or a message).
const SEALED = {1: ['broker_key_id', 'bytes'], 2: ['provider_key_id', 'bytes'], 3: ['nonce', 'bytes'], 4: ['ciphertext', 'bytes']};
const ROUTE = {1: ['address', 'text'], 2: ['tls_name', 'text']};
const VERSION = {1: ['item', 'text'], 2: ['source_version', 'number'], 3: ['source_time_ms', 'time'], 4: ['records', 'number']};
const KINDS = {
  query: {1: ['provider', 'text'], 2: ['procedure', 'text'], 3: ['items', 'text'], 4: ['linkage_code', 'bytes'],
    5: ['department', 'text'], 6: ['staff_pseudonym', 'text'], 7: ['nonce', 'bytes'], 8: ['non_disclosure', 'flag']},
  permit: {1: ['permit_number', 'bytes'], 2: ['query_commitment', 'bytes'], 3: ['requester', 'text'], 4: ['provider', 'text'],
    5: ['procedure', 'text'], 6: ['items', 'text'], 7: ['department', 'text'], 8: ['list_version', 'number'],
    9: ['legal_basis', 'text'], 10: ['sealed_code', SEALED], 11: ['valid_from_ms', 'time'], 12: ['valid_until_ms', 'time'],
    13: ['provider_route', ROUTE], 14: ['requester_route', ROUTE], 15: ['directory_size', 'number'], 16: ['non_disclosure', 'flag']},
  refusal: {1: ['query_commitment', 'bytes'], 2: ['requester', 'text'], 3: ['provider', 'text'], 4: ['procedure', 'text'],
    5: ['items', 'text'], 6: ['reason', 'reason'], 7: ['detail', 'text'], 8: ['list_version', 'number'], 9: ['department', 'text']},
  provision: {1: ['permit_commitment', 'bytes'], 2: ['permit_number', 'bytes'], 3: ['requester', 'text'], 4: ['provider', 'text'],
    5: ['outcome', 'outcome'], 6: ['reason', 'reason'], 7: ['payload_digest', 'bytes'], 8: ['versions', VERSION],
    9: ['procedure', 'text'], 10: ['items', 'text'], 12: ['after_review', 'flag']},
  receipt: {1: ['provision_commitment', 'bytes'], 2: ['permit_commitment', 'bytes'], 3: ['permit_number', 'bytes'],
    4: ['requester', 'text'], 5: ['provider', 'text'], 6: ['verified', 'flag'], 7: ['reason', 'text']},
};
const STATEMENT = {1: ['author', 'text'], 2: ['time_ms', 'time'], 3: ['query', KINDS.query], 4: ['permit', KINDS.permit],
  5: ['refusal', KINDS.refusal], 6: ['provision', KINDS.provision], 7: ['receipt', KINDS.receipt]};

// The fields of a message in their order: {name, form, value}. Throws where the bytes are none.
const decode = (bytes, schema) => {
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      if (at >= bytes.length) throw new Error('cut off');
      const byte = bytes[at++];
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return BigInt.asIntN(64, value);
    }
    throw new Error('number too long');
  };
  const take = (size) => {
    if (size < 0 || at + size > bytes.length) throw new Error('cut off');
    return bytes.slice(at, at += size);
  };
  const fields = [];
  while (at < bytes.length) {
    const tag = Number(varint()), type = tag & 7;
    const raw = type === 0 ? varint() : type === 2 ? take(Number(varint())) : take(type === 1 ? 8 : type === 5 ? 4 : -1);
    const [name, form] = schema[tag >> 3] || ['field ' + (tag >> 3), type === 0 ? 'number' : 'bytes'];
    const isMessage = typeof form === 'object';
    if ((type === 2) !== (isMessage || form === 'text' || form === 'bytes')) throw new Error('wrong form');
    const value = isMessage ? decode(raw, form) : form === 'text' ? new TextDecoder().decode(raw) :
        form === 'bytes' ? raw : Number(raw);
    fields.push({name, form: isMessage ? 'message' : form, value});
  }
  return fields;
};
const fieldOf = (fields, name) => (fields.find((field) => field.name === name) || {}).value;

// A checkpoint's body and signatures, as text; null where it is none.
const parseNote = (note) => {
  const end = note.indexOf('\n\n');
  if (end < 0) return null;
  const body = note.slice(0, end + 1), lines = body.split('\n');
  const signatures = note.slice(end + 2).split('\n').filter((line) => line.startsWith('\u2014 ')).map((line) => {
    const [, name, coded] = line.split(' ');
    return {name, bytes: fromBase64(coded || '')};
  });
  return {body, origin: lines[0], size: Number(lines[1]), root: fromBase64(lines[2] || ''), signatures};
};
// A C2SP verifier key; null where it is none.
const parseKey = (text) => {
  const [name, id, ...coded] = text.split('+');
  const bytes = fromBase64(coded.join('+'));
  return bytes && bytes.length === 33 && bytes[0] === 1 ? {name, id, key: bytes.slice(1)} : null;
};
const noteIsSigned = (log) => {
  const note = parseNote(log.note), key = parseKey(log.key);
  if (!note || !key) return false;
  const id = sha256(utf8(key.name + '\n'), [1], key.key).slice(0, 4);
  return hex(id) === key.id && note.origin === key.name && note.signatures.some((signature) =>
    signature.name === key.name && signature.bytes && same(signature.bytes.slice(0, 4), id) &&
    ed25519Verify(key.key, utf8(note.body), signature.bytes.slice(4)));
};

// All that the page itself recomputes of an exchange. Adds to each of its statements: fields, kind,
// content, commitment, leaf, root, and checks, a list of {name, good}.
const recompute = (exchange, logs) => {
  const byCommitment = new Map();
  for (const s of exchange.statements) {
    const bytes = fromBase64(s.statement), salt = fromBase64(s.salt);
    s.checks = [];
    s.note = logs.has(s.entry[0]) ? parseNote(logs.get(s.entry[0]).note) : null;
    if (s.problem || !bytes || !salt) { s.checks.push({name: 'present', good: false}); continue; }
    s.bytes = bytes;
    s.commitment = sha256(utf8('nakadachi/statement/v1'), [0], salt, bytes);
    s.leaf = sha256([0], s.commitment);
    s.hashes = s.path.map(fromBase64);
    s.root = s.note && s.hashes.every((h) => h && h.length === 32) ?
        rootOfPath(s.entry[1], s.note.size, s.leaf, s.hashes) : null;
    s.checks.push({name: 'inclusion', good: Boolean(s.note && same(s.root, s.note.root))});
    try { s.fields = decode(bytes, STATEMENT); } catch (error) { s.fields = null; }
    s.checks.push({name: 'form', good: s.fields !== null});
    if (!s.fields) continue;
    s.time = fieldOf(s.fields, 'time_ms');
    s.checks.push({name: 'author', good: fieldOf(s.fields, 'author') === s.entry[0]});
    const content = s.fields.find((field) => field.form === 'message');
    if (content) { s.kind = content.name; s.content = content.value; }
    byCommitment.set(hex(s.commitment), s);
  }
  for (const s of exchange.statements) {
    if (!s.content) continue;
    for (const [field, kinds] of [['query_commitment', ['query']], ['permit_commitment', ['permit']], ['provision_commitment', ['provision']]]) {
      const named = fieldOf(s.content, field);
      if (!named || !exchange.statements.some((other) => kinds.includes(other.kind))) continue;
      const other = byCommitment.get(hex(named));
      s.checks.push({name: field, good: Boolean(other && kinds.includes(other.kind))});
    }
  }
  exchange.good = exchange.statements.every((s) => s.checks.every((check) => check.good));
};

