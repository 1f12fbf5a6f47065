import { readdirSync } from 'node:fs';
import { join, parse } from 'node:path';
import type { Family } from './benchCase';

/** Families are the files of cases/, each exporting its cases under its own name; the heavy ones first. */
function load(): Record<string, Family> {
  const folder = join(__dirname, 'cases');
  const first = ['conv2d', 'pool', 'matmul'];
  const found = readdirSync(folder)
    .filter((file) => file.endsWith('.js'))
    .map((file) => parse(file).name);
  const names = [...first, ...found.filter((name) => !first.includes(name)).sort()];
  return Object.fromEntries(
    names.map((name) => {
      const family: unknown = (require(join(folder, name)) as Record<string, unknown>)[name];
      if (typeof family !== 'function') throw new Error(`bench/cases/${name}.ts does not export ${name}`);
      return [name, family as Family];
    }),
  );
}

/** All families, by name. */
export const families: Readonly<Record<string, Family>> = load();
