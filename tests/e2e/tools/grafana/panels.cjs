// Does to the frames of a panel what Grafana does before it draws: transformations, field options and overrides,
// and for stats and bars the reduction to values. All of it is Grafana's own code; only the list of field options
// is made here, as theirs lies among the widgets.
//
// The argument is the time that it is, in milliseconds: "5 minutes ago" depends on it.
// Standard input: a list of {panel, frames}. Standard output: a list of {fields, shown}: `fields` with title and
// the texts of the values, `shown` the title and text of each value of a stat or bar.
"use strict";
require("./browser.cjs");
const fs = require("node:fs");
const rx = require("rxjs");
const grafana = require("@grafana/data");

const OPTIONS = ["displayName", "unit", "decimals", "min", "max", "thresholds", "mappings", "links", "color", "noValue"];
const CUSTOM = ["width", "cellOptions", "lineStyle", "fillOpacity"];

grafana.standardTransformersRegistry.setInit(() =>
  ["mergeTransformer", "organizeFieldsTransformer", "groupingToMatrixTransformer"].map((name) => {
    const made = grafana.standardTransformers[name];
    return { id: made.id, name: made.name, transformation: made, editor: () => null };
  }),
);
const option = (id, path, isCustom) => ({
  id,
  path,
  isCustom,
  name: id,
  process: (value) => value,
  shouldApply: () => true,
  getItemsCount: () => 0,
});
const registry = new grafana.FieldConfigOptionsRegistry(() => [
  ...OPTIONS.map((id) => option(id, id, false)),
  ...CUSTOM.map((id) => option(`custom.${id}`, id, true)),
]);
const theme = grafana.createTheme();
const plain = (text) => text;

async function show({ panel, frames }) {
  const context = { interpolate: plain };
  const made = await rx.lastValueFrom(
    grafana.transformDataFrame(panel.transformations, frames.map((each) => grafana.toDataFrame(each)), context),
  );
  const data = grafana.applyFieldOverrides({
    data: made,
    fieldConfig: panel.fieldConfig,
    fieldConfigRegistry: registry,
    replaceVariables: plain,
    theme,
    timeZone: "utc",
  });
  const fields = data.flatMap((frame) =>
    frame.fields.map((field) => ({
      name: field.name,
      title: grafana.getFieldDisplayName(field, frame, data),
      type: field.type,
      texts: field.values.map((value) => grafana.formattedValueToString(field.display(value))),
      colors: field.values.map((value) => field.display(value).color ?? null),
    })),
  );
  const shown = [];
  if (panel.options.reduceOptions) {
    const values = grafana.getFieldDisplayValues({
      fieldConfig: panel.fieldConfig,
      reduceOptions: panel.options.reduceOptions,
      replaceVariables: plain,
      data,
      theme,
      timeZone: "utc",
    });
    for (const { display } of values) {
      shown.push({ title: display.title, text: grafana.formattedValueToString(display), color: display.color });
    }
  }
  return { frames: data.length, fields, shown };
}

async function main() {
  const now = Number(process.argv[2]);
  Date.now = () => now;
  const results = [];
  for (const each of JSON.parse(fs.readFileSync(0, "utf8"))) {
    results.push(await show(each));
  }
  process.stdout.write(JSON.stringify(results));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
