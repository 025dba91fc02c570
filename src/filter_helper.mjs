// Runs a migration module on JSON lines: {"Item":{...}} in DynamoDB JSON in, one line for each line out, in order.
//
//   node --input-type=module --eval CODE -- MODULE transform|rollback [KEY_ATTRIBUTE...]
//
// MODULE exports shouldMigrate(item), transform(item) and rollback(item), by name, as its default export, in an object
// named `migration`, or as module.exports; all may be async. transform takes an item and returns the item as it shall
// be; without shouldMigrate every item is transformed.
//
// Values are plain: S string; N number where a number holds it exactly, else BigInt if it is whole, else Decimal (a
// String object of its digits; in arithmetic the nearest number); B Uint8Array; BOOL; NULL null; L array; M object;
// SS, NS, BS Set. A member that is undefined is left out. What has no such type, NaN and empty sets are errors.
// To copy an item deeply use structuredClone: JSON.parse(JSON.stringify(item)) knows neither sets nor binary. It makes
// plain String objects of Decimals; those of the item at hand are known by their digits, and any other String object is
// an error, because nobody can tell whether it is a number. Object.assign({}, map) loses a member that is called
// `__proto__` (it sets the prototype instead); {...map} and structuredClone keep it.
//
// A value that equals what came in is written back with the text it came in with: 1.0 stays 1.0, sets keep their order,
// and an item that does not change is its own line again. (In one that does, characters may be escaped differently.)
//
// Answers leave when all that was read has been answered; those of a module that takes its time every 100 ms, so that it
// is not taken for one that is silent or holds back its output (src/filter_program.h).
//
// Standard output belongs to the answers: console.log and process.stdout of the module go to standard error.
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const [modulePath, mode, ...keyNames] = process.argv.slice(1);
const moduleName = path.basename(modulePath);
const MAX_DEPTH = 32;  // the service's own limit; it also ends the walk through an object that contains itself
const NUMBER = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/;
const LARGEST_INTEGER_EXPONENT = 126;
const SEND_AFTER_MS = 100;

Object.defineProperty(process, 'stdout', { get: () => process.stderr, configurable: true });

globalThis.Decimal = class Decimal extends String {
  constructor(digits) {
    const text = String(digits);
    if (shape(text) === undefined) throw new TypeError(`Decimal: ${JSON.stringify(text)} is not a number`);
    super(text);
  }
  valueOf() { return Number(this.toString()); }
  toJSON() { return this.toString(); }
};
const Decimal = globalThis.Decimal;

// A decimal number as sign, digits without zeros at either end, and the power of ten behind them; undefined when it is
// none. Two spellings of a number have the same key.
function shape(text) {
  const match = NUMBER.exec(text);
  if (match === null || (match[2] === '' && !match[3])) return undefined;
  const fraction = match[3] ?? '';
  const all = (match[2] + fraction).replace(/^0+/, '');
  const digits = all.replace(/0+$/, '');
  if (digits === '') return { digits, exponent: 0, key: '0' };
  const negative = match[1] === '-' ? '-' : '';
  const exponent = Number(match[4] ?? 0) - fraction.length + all.length - digits.length;
  return { negative, digits, exponent, key: `${negative}${digits}e${exponent}` };
}

const numberKey = (text) => shape(text)?.key;

// ---- DynamoDB JSON to plain values

// The digits of the Decimals of the item at hand.
const decimals = new Set();

function plainNumber(text) {
  const number = Number(text);
  if (String(number) === text) return number;
  const exact = shape(text);
  if (exact === undefined) throw new Refusal(`${JSON.stringify(text)} is not a number`);
  if (numberKey(String(number)) === exact.key) return number;
  if (exact.exponent >= 0 && exact.exponent < LARGEST_INTEGER_EXPONENT) {
    return BigInt(exact.negative + exact.digits + '0'.repeat(exact.exponent));
  }
  decimals.add(text);
  return new Decimal(text);
}

const plainBinary = (base64) => new Uint8Array(Buffer.from(base64, 'base64'));

// Assigning to __proto__ would set the prototype.
function put(object, name, value) {
  if (name === '__proto__') {
    Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true });
  } else {
    object[name] = value;
  }
}

function plainMap(attributes) {
  const object = {};
  for (const name of Object.keys(attributes)) put(object, name, plain(attributes[name]));
  return object;
}

function plain(typed) {
  for (const type in typed) {
    const value = typed[type];
    switch (type) {
      case 'S': return value;
      case 'N': return plainNumber(value);
      case 'BOOL': return value;
      case 'NULL': return null;
      case 'M': return plainMap(value);
      case 'L': return value.map(plain);
      case 'B': return plainBinary(value);
      case 'SS': return new Set(value);
      case 'NS': return new Set(value.map(plainNumber));
      case 'BS': return new Set(value.map(plainBinary));
    }
  }
  throw new Refusal(`${JSON.stringify(typed)} is no attribute value`);
}

// ---- and back. Each function is given the value that stood in the same place, or undefined, and returns that very
// object when nothing has changed.

// What the helper itself finds wrong; no place in the module's code belongs to it.
class Refusal {
  constructor(text) { this.text = text; }
}

const notStorable = (what, where) => new Refusal(`attribute '${where.join('.')}' is ${what}`);

const base64 = (bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');

// The text of a number of any kind; undefined when `value` is none.
function numberText(value, where) {
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw notStorable(`${value}, which cannot be stored`, where);
    return String(value);
  }
  if (typeof value === 'bigint') return String(value);
  if (value instanceof Decimal) return value.toString();
  // What structuredClone has made of a Decimal; any other String object, such as new String('007'), is no number.
  if (value instanceof String && decimals.has(value.toString())) return value.toString();
  return undefined;
}

function typedNumber(text, was) {
  const old = was?.N;
  return old !== undefined && (old === text || numberKey(old) === numberKey(text)) ? was : { N: text };
}

function typedSet(set, was, where) {
  if (set.size === 0) throw notStorable('an empty Set; leave it out instead', where);
  if (was?.SS?.length === set.size && was.SS.every((text) => set.has(text))) return was;  // the usual case, at once
  let type;
  const members = new Map();  // one spelling of each; numbers by their value
  for (const value of set) {
    const number = numberText(value, where);
    const its = typeof value === 'string' ? 'SS' : number !== undefined ? 'NS' : value instanceof Uint8Array ? 'BS' : undefined;
    if (its === undefined) throw notStorable(`a Set with ${named(value)} in it; strings, numbers and Uint8Arrays are possible`, where);
    if ((type ??= its) !== its) throw notStorable('a Set of more than one type', where);
    const text = its === 'SS' ? value : its === 'NS' ? number : base64(value);
    members.set(its === 'NS' ? numberKey(text) : text, text);
  }
  const old = was?.[type];
  const key = type === 'NS' ? numberKey : (text) => text;
  if (old !== undefined && old.length === members.size && old.every((text) => members.has(key(text)))) return was;
  // Members that stay keep their text.
  for (const text of old ?? []) if (members.has(key(text))) members.set(key(text), text);
  return { [type]: [...members.values()] };
}

function typedList(list, was, where) {
  const old = was?.L;
  const values = [];
  let same = old !== undefined && old.length === list.length;
  for (let i = 0; i < list.length; ++i) {
    if (list[i] === undefined) throw notStorable('undefined, and a list has no place without a value', [...where, i]);
    where.push(i);
    values[i] = typed(list[i], old?.[i], where);
    where.pop();
    same = same && values[i] === old[i];
  }
  return same ? was : { L: values };
}

// The typed members of an object; `old` itself when they are the same.
function typedMembers(object, old, where) {
  const members = {};
  let count = 0;
  let same = old !== undefined;
  for (const name of Object.keys(object)) {
    const value = object[name];
    if (value === undefined) continue;
    const before = old !== undefined && Object.hasOwn(old, name) ? old[name] : undefined;
    where.push(name);
    const after = typed(value, before, where);
    where.pop();
    put(members, name, after);
    ++count;
    same = same && after === before;
  }
  return same && count === Object.keys(old).length ? old : members;
}

function isPlain(object) {
  const prototype = Object.getPrototypeOf(object);
  // The second case is an object of another realm.
  return prototype === Object.prototype || prototype === null || Object.getPrototypeOf(prototype) === null;
}

function named(value) {
  if (value === null || value === undefined) return String(value);
  if (typeof value !== 'object') return `a ${typeof value}`;
  const name = value.constructor?.name;
  return typeof name === 'string' && name !== '' ? `a ${name}` : 'an object';
}

function typed(value, was, where) {
  switch (typeof value) {
    case 'string': return was !== undefined && was.S === value ? was : { S: value };
    case 'boolean': return was !== undefined && was.BOOL === value ? was : { BOOL: value };
    case 'number':
    case 'bigint': return typedNumber(numberText(value, where), was);
    case 'object': break;
    default: throw notStorable(`${named(value)}, which cannot be stored`, where);
  }
  if (value === null) return was !== undefined && was.NULL !== undefined ? was : { NULL: true };
  if (where.length > MAX_DEPTH) throw notStorable(`nested deeper than ${MAX_DEPTH} levels, or contains itself`, where.slice(0, 3));
  if (Array.isArray(value)) return typedList(value, was, where);
  if (value instanceof Set) return typedSet(value, was, where);
  if (value instanceof Uint8Array) {
    const text = base64(value);
    return was !== undefined && was.B === text ? was : { B: text };
  }
  const number = numberText(value, where);
  if (number !== undefined) return typedNumber(number, was);
  if (!isPlain(value)) {
    const advice = value instanceof Date ? '; store a text or a number instead'
      : value instanceof String ? '; store a plain string, or a Decimal for a number' : '; plain objects, arrays, Sets and Uint8Arrays are possible';
    throw notStorable(`${named(value)}, which cannot be stored${advice}`, where);
  }
  const members = typedMembers(value, was?.M, where);
  return was !== undefined && members === was.M ? was : { M: members };
}

// ---- the module

function end(text) {
  const bytes = Buffer.from(text + '\n');
  try {
    for (let at = 0; at < bytes.length;) at += fs.writeSync(2, bytes, at);
  } catch {
    // Whoever listens has gone, and the exit status says it too.
  }
  process.exit(1);
}

// What an exception says, and where in the user's files it was thrown: `at f (file:///x/m.mjs:2:3)`, `at /x/m.cjs:2:3`.
function told(error) {
  if (error instanceof Refusal) return error.text;
  if (!(error instanceof Error)) return `threw ${String(error)}`;
  const place = /^ +at .*?(?:file:\/\/|\(| )(\/[^()[\]]+:\d+:\d+)/m.exec(error.stack ?? '');
  return `${error}${place === null ? '' : ` (${place[1]})`}`.replace(/\s*\n\s*/g, ' ');
}

async function loaded() {
  const file = path.resolve(modulePath);
  let exported;
  try {
    exported = await import(pathToFileURL(file).href);
  } catch (error) {
    end(`cannot load ${moduleName}: ${told(error)}`);
  }
  const from = exported.default;
  const is = (candidate) => ['transform', 'rollback', 'shouldMigrate'].some((name) => typeof candidate?.[name] === 'function');
  const found = [from?.default?.migration, from?.default, from?.migration, from, exported.migration, exported].find(is);
  if (typeof found?.[mode] !== 'function') end(`${moduleName} exports no function ${mode}(item)`);
  return found;
}

// The item for an error text: its key where that is known.
function label(line) {
  try {
    const item = JSON.parse(line).Item;
    const key = Object.fromEntries(keyNames.filter((name) => Object.hasOwn(item, name)).map((name) => [name, item[name]]));
    if (Object.keys(key).length > 0) return `the item ${JSON.stringify(key)}`;
  } catch {
    // Then the line itself.
  }
  return `the line ${line.length > 200 ? `${line.slice(0, 200)}...` : line}`;
}

const isPromise = (value) => typeof value?.then === 'function';

// The answer to one line; a promise of it only when the module gives one, because waiting costs more than most modules.
function answer(migration, line) {
  const attributes = JSON.parse(line)?.Item;
  if (typeof attributes !== 'object' || attributes === null) throw new Refusal('it has no Item');
  decimals.clear();
  const item = plainMap(attributes);
  const change = () => {
    const changed = migration[mode](item);
    return isPromise(changed) ? changed.then((value) => written(value, attributes, line)) : written(changed, attributes, line);
  };
  if (mode === 'rollback' || typeof migration.shouldMigrate !== 'function') return change();
  const wanted = migration.shouldMigrate(item);
  if (isPromise(wanted)) return wanted.then((yes) => (yes ? change() : line));
  return wanted ? change() : line;
}

function written(changed, attributes, line) {
  if (typeof changed !== 'object' || changed === null || Array.isArray(changed) || !isPlain(changed)) {
    throw new Refusal(`${mode} returned ${Array.isArray(changed) ? 'a list' : named(changed)} instead of an item`);
  }
  const members = typedMembers(changed, attributes, []);
  return members === attributes ? line : `{"Item":${JSON.stringify(members)}}`;
}

function send(lines) {
  const bytes = Buffer.from(lines.join('\n') + '\n');
  for (let at = 0; at < bytes.length;) at += fs.writeSync(1, bytes, at);
}

async function answerAll(migration, text) {
  const lines = text.split('\n');
  let sent = 0;
  let lastSent = performance.now();
  for (let i = 0; i < lines.length; ++i) {
    try {
      const result = answer(migration, lines[i]);
      lines[i] = isPromise(result) ? await result : result;
    } catch (error) {
      end(`${mode} of ${moduleName} failed for ${label(lines[i])}: ${told(error)}`);
    }
    if (i + 1 < lines.length && performance.now() - lastSent > SEND_AFTER_MS) {
      send(lines.slice(sent, i + 1));
      sent = i + 1;
      lastSent = performance.now();
    }
  }
  send(sent === 0 ? lines : lines.slice(sent));
}

const migration = await loaded();
let begun = [];  // of a line whose end has not come yet
for await (const chunk of process.stdin) {
  const last = chunk.lastIndexOf(10);
  if (last < 0) {
    begun.push(chunk);
    continue;
  }
  const whole = Buffer.concat([...begun, chunk.subarray(0, last)]);
  begun = last + 1 < chunk.length ? [chunk.subarray(last + 1)] : [];
  await answerAll(migration, whole.toString());
}
if (begun.length > 0) await answerAll(migration, Buffer.concat(begun).toString());
// A module may hold connections open that would keep the process alive.
process.exit(0);
