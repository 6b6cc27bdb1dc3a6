import { expect, test } from "vitest";

import { blank, collect, draftOf, fieldsOf } from "./schema";

const fields = fieldsOf({
  type: "object",
  properties: {
    port: { type: "integer", default: 6697 },
    tls: { type: "boolean", default: true },
    channels: { type: "array", items: { type: "string" }, default: [] },
    unit: { type: "string", enum: ["days", "hours"] },
    document: { description: "Any JSON" },
    nick: { anyOf: [{ type: "string" }, { type: "null" }] },
    host: { type: "string" },
  },
  required: ["host", "document"],
});

const kindOf = (name: string) => fields.find((field) => field.name === name)?.kind;

test("each property becomes the control that fits it, required ones first", () => {
  expect(fields.slice(0, 2).map(({ name }) => name)).toEqual(["document", "host"]);
  expect(["port", "tls", "channels", "unit", "document", "nick"].map(kindOf)).toEqual([
    "integer",
    "switch",
    "lines",
    "choice",
    "json",
    "text",
  ]);
});

test("what is typed becomes typed values; an empty optional field is left out", () => {
  const draft = { ...blank(fields), host: "irc.example.org", document: '{"a": 1}', channels: "#one\n #two \n" };
  expect(collect(fields, draft)).toEqual({
    values: { host: "irc.example.org", document: { a: 1 }, port: 6697, tls: true, channels: ["#one", "#two"] },
    problems: {},
  });
});

test("what cannot be read is named by its field", () => {
  const draft = { ...blank(fields), document: "{", port: "1.5" };
  expect(Object.keys(collect(fields, draft).problems).sort()).toEqual(["document", "port"]);
  expect(Object.keys(collect(fields, blank(fields)).problems)).toEqual(["document"]);
});

test("arguments written as JSON come back into the form", () => {
  const values = { host: "a", document: [1], port: 1, tls: false, channels: ["#x"], unit: "hours" };
  expect(collect(fields, draftOf(fields, values)).values).toEqual(values);
});
