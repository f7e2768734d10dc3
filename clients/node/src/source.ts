// Documents from a file of JSON lines: `id`, `text`, and all other fields as payload.
import { open } from "node:fs/promises";
import { Document, DocumentId } from "../gen/splade/v1/types.js";

/** A line: its number, and its document or why it is none. */
export type Line = { number: number; document: Document } | { number: number; bad: string };

/** Reads a file as far as its lines are asked for. */
export async function* readLines(path: string): AsyncGenerator<Line, void, void> {
  const file = await open(path);
  try {
    let number = 0;
    for await (const line of file.readLines()) {
      number++;
      if (line.trim()) {
        yield parse(number, line);
      }
    }
  } finally {
    await file.close();
  }
}

function parse(number: number, line: string): Line {
  let fields: unknown;
  try {
    fields = JSON.parse(line);
  } catch (error) {
    return { number, bad: `not JSON: ${(error as Error).message}` };
  }
  if (typeof fields !== "object" || fields === null || Array.isArray(fields)) {
    return { number, bad: "not a JSON object" };
  }
  const { id, text, ...payload } = fields as Record<string, unknown>;
  if (typeof text !== "string") {
    return { number, bad: "its field `text` is not there, or not a string" };
  }
  const made = id === undefined ? undefined : parseId(id);
  if (id !== undefined && !made) {
    return { number, bad: "`id` is neither a string nor a whole number from 0 to 2^53; give a larger one as a string" };
  }
  return { number, document: { id: made, text, payload, denseVectors: {} } };
}

const UUID = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

function parseId(id: unknown): DocumentId | undefined {
  if (typeof id === "string") {
    return { kind: UUID.test(id) ? { $case: "uuid", uuid: id } : { $case: "key", key: id } };
  }
  // JSON.parse has lost digits of what is beyond 2^53.
  return Number.isSafeInteger(id) && (id as number) >= 0 ? { kind: { $case: "num", num: BigInt(id as number) } } : undefined;
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
