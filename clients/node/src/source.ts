// Documents from a JSONL file: `id`, `text`, and all other fields as payload.
import { createReadStream } from "node:fs";
import { Document, type DocumentId } from "../gen/splade_sidecar/v1/document.js";

/** Maximum size of a line, so that a request with its document stays below the server's 32 MiB (--max-message-bytes). */
const MAX_LINE_BYTES = 30 << 20;

/** A line of the file: its number and size, and its document or its error in the format of a rejection by the server. */
export type Line = { number: number; bytes: number; document: Document } | { number: number; bad: string };

/** Reads a file line by line. */
export async function* readLines(path: string): AsyncGenerator<Line, void, void> {
  let number = 0;
  for await (const line of splitLines(path)) {
    number++;
    try {
      const text = decode(number === 1 && line.indexOf("\ufeff") === 0 ? line.subarray(3) : line);
      if (/[^ \t\r]/.test(text)) {
        yield { number, bytes: line.length, document: parse(text) };
      }
    } catch (error) {
      if (!(error instanceof BadLine)) {
        throw error;
      }
      yield { number, bad: error.message };
    }
  }
}

class BadLine extends Error {
  constructor(field: string, reason: string) {
    super(formatRejection("MALFORMED_DOCUMENT", field, reason));
  }
}

export function formatRejection(reason: string, field: string, message: string): string {
  return field ? `${reason} ${field}: ${message}` : `${reason}: ${message}`;
}

/**
 * Splits at line feeds only; `readline` would also split at U+2028, which a JSON string may contain. Discards the end of a
 * line that is too long.
 */
async function* splitLines(path: string): AsyncGenerator<Buffer, void, void> {
  let line: Buffer[] = [];
  let bytes = 0;
  const add = (part: Buffer) => {
    if (bytes <= MAX_LINE_BYTES) {
      line.push(part);
      bytes += part.length;
    }
  };
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    let start = 0;
    for (let end = chunk.indexOf("\n"); end >= 0; end = chunk.indexOf("\n", start)) {
      add(chunk.subarray(start, end));
      yield Buffer.concat(line);
      [line, bytes, start] = [[], 0, end + 1];
    }
    add(chunk.subarray(start));
  }
  if (bytes > 0) {
    yield Buffer.concat(line);
  }
}

/** Rejects invalid UTF-8, which `toString` would replace with U+FFFD. */
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decode(line: Buffer): string {
  if (line.length > MAX_LINE_BYTES) {
    throw new BadLine("", `the line has more than ${MAX_LINE_BYTES} bytes`);
  }
  try {
    return UTF8.decode(line);
  } catch {
    throw new BadLine("", "the line is not valid UTF-8");
  }
}

function parse(line: string): Document {
  rejectLoneSurrogates(line);
  const fields = members(line);
  const text = parseString(fields.get("text"));
  if (text === undefined) {
    throw new BadLine("text", "required; must be a string");
  }
  const id = parseId(fields.get("id"));
  fields.delete("text");
  fields.delete("id");
  const payload = [...fields].map(([key, value]) => `${JSON.stringify(key)}:${value}`);
  return Document.fromPartial({ id, text, payloadJson: `{${payload.join(",")}}` });
}

/** Rejects lone surrogates: protobuf would replace half of a pair such as \ud83d\ude00 with U+FFFD. */
function rejectLoneSurrogates(json: string): void {
  for (const [, lone] of json.matchAll(/\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]|(u[dD][89a-fA-F])|.)/g)) {
    if (lone) {
      throw new BadLine("", "a string has a lone surrogate (\\ud800 to \\udfff); remove it or write the whole pair");
    }
  }
}

/**
 * Returns the values of the JSON object at `path` verbatim. JavaScript's numbers would round integers beyond 2^53.
 * (Since Node 21 the reviver of JSON.parse gets the source of a number, but it doesn't see duplicate keys.)
 */
function members(json: string, path = ""): Map<string, string> {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw new BadLine("", `not JSON: ${(error as Error).message}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new BadLine("", "not a JSON object");
  }
  // The JSON is valid, so finding the separators of its members is enough.
  const found = new Map<string, string>();
  let key: string | undefined;
  let [depth, start] = [0, 0];
  for (let i = 0; i < json.length; i++) {
    const character = json[i];
    if (character === '"') {
      for (i++; json[i] !== '"'; i++) {
        i += json[i] === "\\" ? 1 : 0;
      }
    } else if (character === "{" || character === "[") {
      start = depth++ === 0 ? i + 1 : start;
    } else if (character === ":" && depth === 1) {
      key = JSON.parse(json.slice(start, i)) as string;
      if (found.has(key)) {
        throw new BadLine(path + key, "duplicate key; remove one");
      }
      start = i + 1;
    } else if (character === "," || character === "}" || character === "]") {
      if (depth === 1 && key !== undefined) {
        found.set(key, json.slice(start, i).trim());
        [key, start] = [undefined, i + 1];
      }
      depth -= character === "," ? 0 : 1;
    }
  }
  return found;
}

function parseString(json: string | undefined): string | undefined {
  return json?.startsWith('"') ? JSON.parse(json) : undefined;
}

const UUID = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i;
const BAD_ID = new BadLine(
  "id",
  'must be an integer from 0 to 2^64-1, a string, or one of {"num": ...}, {"uuid": ...}, {"key": ...}',
);

/** Returns the id of a document; undefined if the line has none, in which case the server makes one. */
function parseId(json: string | undefined): DocumentId | undefined {
  if (json === undefined || json === "null") {
    return undefined;
  }
  if (json.startsWith("{")) {
    return parseExplicitId(members(json, "id."));
  }
  const name = parseString(json);
  if (name === undefined) {
    return { kind: { $case: "num", num: parseNum(json) } };
  }
  return { kind: UUID.test(name) ? { $case: "uuid", uuid: name } : { $case: "key", key: name } };
}

/** Parses an id in the form of a DocumentId, such as {"key": "7"}. */
function parseExplicitId(fields: Map<string, string>): DocumentId {
  const [[kind, json]] = fields.size === 1 ? fields : [["", ""]];
  const name = parseString(json);
  if (kind === "num" && (name === undefined || /^\d+$/.test(name))) {
    return { kind: { $case: "num", num: parseNum(name ?? json) } };
  }
  if (kind === "uuid" && name !== undefined) {
    return { kind: { $case: "uuid", uuid: name } };
  }
  if (kind === "key" && name !== undefined) {
    return { kind: { $case: "key", key: name } };
  }
  throw BAD_ID;
}

/** Parses an integer from its digits, since a double would round it beyond 2^53. 7.0 and 1e3 are integers too. */
function parseNum(text: string): bigint {
  if (/^\d{1,20}$/.test(text) && BigInt(text) < 2n ** 64n) {
    return BigInt(text);
  }
  const double = Number(text);
  if (!Number.isInteger(double) || double < 0 || double >= 2 ** 53) {
    throw BAD_ID;
  }
  return BigInt(double);
}

export function formatId(id: DocumentId | undefined): string {
  switch (id?.kind?.$case) {
    case "num":
      return id.kind.num.toString();
    case "uuid":
      return id.kind.uuid;
    case "key":
      return id.kind.key;
    default:
      return "";
  }
}
