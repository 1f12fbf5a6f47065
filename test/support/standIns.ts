import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { packageRoot } from './child';

/** Where the addon under test lies, if a variable names it. */
function addonFolder(): string | undefined {
  const addon = process.env.RECEPTIVE_ADDON;
  if (addon === undefined || addon === '') return undefined;
  return addon === 'emulated' ? join(packageRoot, 'build-emulated', 'Release') : dirname(resolve(addon));
}

function folder(): string | null {
  const beside = addonFolder();
  const path = beside === undefined ? undefined : join(beside, 'standins');
  return path !== undefined && existsSync(path) ? path : null;
}

/** Folder of the stand-ins for NVIDIA's libraries, which an addon that emulates a GPU has beside it; null without. */
export const standIns = folder();
