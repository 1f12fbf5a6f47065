// The entry points that package.json promises: the package itself and its subpaths.
import { existsSync, readFileSync } from 'node:fs';

const root = new URL('../../', import.meta.url);
const { name, exports } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));

/** Names to import: `receptive`, and of its subpaths those that are built. */
export function builtEntries() {
  return Object.entries(exports)
    .filter(([subpath, { require }]) => subpath === '.' || (require && existsSync(new URL(require.default, root))))
    .map(([subpath]) => name + subpath.slice(1));
}
