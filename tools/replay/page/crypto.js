'use strict';
// SHA-256 and SHA-512 (FIPS 180-4), Ed25519 verification (RFC 8032) and inclusion proofs (RFC 9162),
// in the page itself: a page opened from a file may have no WebCrypto.

const firstPrimes = (count) => {
  const primes = [];
  for (let n = 2; primes.length < count; n++) if (primes.every((p) => n % p)) primes.push(n);
  return primes;
};
// The first `bits` bits behind the point of the square or cube root of a number.
const rootBits = (n, degree, bits) => {
  const wanted = BigInt(n) << BigInt(bits * degree);
  let low = 0n, high = 1n << BigInt(bits + 10);
  while (high - low > 1n) {
    const middle = (low + high) >> 1n;
    if (middle ** BigInt(degree) <= wanted) low = middle; else high = middle;
  }
  return BigInt.asUintN(bits, low);
};
const K64 = firstPrimes(80).map((p) => rootBits(p, 3, 64));
const H64 = firstPrimes(8).map((p) => rootBits(p, 2, 64));
const K32 = Int32Array.from(K64.slice(0, 64), (k) => Number(k >> 32n));
const H32 = Int32Array.from(H64, (h) => Number(h >> 32n));

const concat = (...parts) => {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) { all.set(part, at); at += part.length; }
  return all;
};
const padded = (bytes, block) => {
  const size = Math.ceil((bytes.length + 1 + block / 8) / block) * block;
  const all = new Uint8Array(size);
  all.set(bytes);
  all[bytes.length] = 0x80;
  new DataView(all.buffer).setUint32(size - 4, bytes.length * 8);
  return new DataView(all.buffer);
};

const sha256 = (...parts) => {
  const view = padded(concat(...parts), 64);
  const state = Int32Array.from(H32), w = new Int32Array(64);
  const turn = (x, n) => (x >>> n) | (x << (32 - n));
  for (let at = 0; at < view.byteLength; at += 64) {
    for (let i = 0; i < 16; i++) w[i] = view.getInt32(at + 4 * i);
    for (let i = 16; i < 64; i++) {
      const a = w[i - 15], b = w[i - 2];
      w[i] = w[i - 16] + w[i - 7] + (turn(a, 7) ^ turn(a, 18) ^ (a >>> 3)) +
          (turn(b, 17) ^ turn(b, 19) ^ (b >>> 10));
    }
    let [a, b, c, d, e, f, g, h] = state;
    for (let i = 0; i < 64; i++) {
      const one = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + K32[i] + w[i]) | 0;
      const two = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      h = g; g = f; f = e; e = (d + one) | 0; d = c; c = b; b = a; a = (one + two) | 0;
    }
    [a, b, c, d, e, f, g, h].forEach((x, i) => { state[i] += x; });
  }
  const out = new DataView(new ArrayBuffer(32));
  state.forEach((x, i) => out.setInt32(4 * i, x));
  return new Uint8Array(out.buffer);
};

const sha512 = (bytes) => {
  const view = padded(bytes, 128), wrap = (x) => BigInt.asUintN(64, x);
  const turn = (x, n) => (x >> BigInt(n)) | wrap(x << BigInt(64 - n));
  const state = H64.slice();
  for (let at = 0; at < view.byteLength; at += 128) {
    const w = [];
    for (let i = 0; i < 16; i++) w.push(view.getBigUint64(at + 8 * i));
    for (let i = 16; i < 80; i++) {
      const a = w[i - 15], b = w[i - 2];
      w.push(wrap(w[i - 16] + w[i - 7] + (turn(a, 1) ^ turn(a, 8) ^ (a >> 7n)) +
          (turn(b, 19) ^ turn(b, 61) ^ (b >> 6n))));
    }
    let [a, b, c, d, e, f, g, h] = state;
    for (let i = 0; i < 80; i++) {
      const one = wrap(h + (turn(e, 14) ^ turn(e, 18) ^ turn(e, 41)) + ((e & f) ^ (wrap(~e) & g)) + K64[i] + w[i]);
      const two = wrap((turn(a, 28) ^ turn(a, 34) ^ turn(a, 39)) + ((a & b) ^ (a & c) ^ (b & c)));
      h = g; g = f; f = e; e = wrap(d + one); d = c; c = b; b = a; a = wrap(one + two);
    }
    [a, b, c, d, e, f, g, h].forEach((x, i) => { state[i] = wrap(state[i] + x); });
  }
  const out = new DataView(new ArrayBuffer(64));
  state.forEach((x, i) => out.setBigUint64(8 * i, x));
  return new Uint8Array(out.buffer);
};

const P = 2n ** 255n - 19n;
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
const mod = (x) => ((x % P) + P) % P;
const power = (base, exponent) => {
  let result = 1n;
  for (base = mod(base); exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) result = result * base % P;
    base = base * base % P;
  }
  return result;
};
const CURVE_D = mod(-121665n * power(121666n, P - 2n));
const littleEndian = (bytes) => bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
const addPoints = ([x1, y1, z1, t1], [x2, y2, z2, t2]) => {
  const a = mod((y1 - x1) * (y2 - x2)), b = mod((y1 + x1) * (y2 + x2));
  const c = mod(2n * t1 * t2 * CURVE_D), d = mod(2n * z1 * z2);
  const e = b - a, f = d - c, g = d + c, h = b + a;
  return [mod(e * f), mod(g * h), mod(f * g), mod(e * h)];
};
const timesPoint = (factor, point) => {
  let result = [0n, 1n, 1n, 0n];
  for (; factor > 0n; factor >>= 1n) {
    if (factor & 1n) result = addPoints(result, point);
    point = addPoints(point, point);
  }
  return result;
};
const pointOf = (bytes) => {  // null where it is none
  const number = littleEndian(bytes), odd = number >> 255n, y = BigInt.asUintN(255, number);
  if (y >= P) return null;
  const square = mod((y * y - 1n) * power(CURVE_D * y * y + 1n, P - 2n));
  let x = power(square, (P + 3n) / 8n);
  if (mod(x * x) !== square) x = mod(x * power(2n, (P - 1n) / 4n));
  if (mod(x * x) !== square || (x === 0n && odd)) return null;
  if ((x & 1n) !== odd) x = P - x;
  return [x, y, 1n, mod(x * y)];
};
const BASE_Y = mod(4n * power(5n, P - 2n));
const BASE = pointOf(Uint8Array.from({length: 32}, (_, i) => Number((BASE_Y >> BigInt(8 * i)) & 255n)));
const ed25519Verify = (key, message, signature) => {
  if (key.length !== 32 || signature.length !== 64) return false;
  const a = pointOf(key), r = pointOf(signature.slice(0, 32)), s = littleEndian(signature.slice(32));
  if (!a || !r || s >= ORDER) return false;
  const k = littleEndian(sha512(concat(signature.slice(0, 32), key, message))) % ORDER;
  const left = timesPoint(s, BASE), right = addPoints(r, timesPoint(k, a));
  return mod(left[0] * right[2]) === mod(right[0] * left[2]) &&
      mod(left[1] * right[2]) === mod(right[1] * left[2]);
};

// RFC 9162, 2.1.3.2; null where the path does not fit the place.
const rootOfPath = (index, size, leaf, path) => {
  if (!(index < size)) return null;
  let fn = BigInt(index), sn = BigInt(size) - 1n, r = leaf;
  for (const p of path) {
    if (sn === 0n) return null;
    if ((fn & 1n) || fn === sn) {
      r = sha256([1], p, r);
      while (!(fn & 1n) && fn !== 0n) { fn >>= 1n; sn >>= 1n; }
    } else {
      r = sha256([1], r, p);
    }
    fn >>= 1n; sn >>= 1n;
  }
  return sn === 0n ? r : null;
};

const utf8 = (text) => new TextEncoder().encode(text);
const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
const fromBase64 = (text) => {  // null where it is none
  try { return Uint8Array.from(atob(text), (c) => c.charCodeAt(0)); } catch (error) { return null; }
};
const same = (a, b) => a && b && a.length === b.length && a.every((byte, i) => byte === b[i]);

