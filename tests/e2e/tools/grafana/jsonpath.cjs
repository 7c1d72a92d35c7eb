// Reads JSON as Grafana's JSON API data source does: a JSONPath a field, values converted to the field's type,
// and an error where fields differ in length.
//
// Standard input: a list of {body, fields}. Standard output: a list of {fields}.
"use strict";
const fs = require("node:fs");
const { JSONPath } = require("jsonpath-plus");

const CONVERT = {
  string: String,
  number: (value) => (typeof value === "number" ? value : parseFloat(value)),
  time: (value) => Date.parse(value),
  boolean: (value) => (typeof value === "boolean" ? value : value === "true"),
};

function read({ body, fields }) {
  const json = JSON.parse(body);
  const made = fields.map(({ jsonPath, name, type }) => {
    const values = JSONPath({ path: jsonPath, json, eval: false });
    return { name, type, values: values.map((value) => (value === null ? null : CONVERT[type](value))) };
  });
  if (new Set(made.map((field) => field.values.length)).size > 1) {
    throw new Error(`fields of different lengths: ${made.map((field) => `${field.name} ${field.values.length}`)}`);
  }
  return { fields: made };
}

const questions = JSON.parse(fs.readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(questions.map(read)));
