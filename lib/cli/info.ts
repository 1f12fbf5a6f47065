import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DeviceInfo, LibraryInfo } from '../nativeTypes';
import { packageFolder } from './packageFolder';

/** What `receptive info --json` prints. */
interface Info {
  readonly versions: {
    readonly receptive: string;
    readonly node: string;
    /** The newest version of Node-API that this Node.js has. */
    readonly nodeApi: string | undefined;
    /** Such as `linux x64`. */
    readonly platform: string;
  };
  readonly defaultDevice: string;
  readonly devices: readonly DeviceInfo[];
}

async function collect(): Promise<Info> {
  // Not at the top: where the addon cannot be loaded, the other commands still work.
  const { devices, getDefaultDevice } = await import('../index.js');
  const { version } = JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8')) as { version: string };
  return {
    versions: {
      receptive: version,
      node: process.versions.node,
      nodeApi: process.versions.napi,
      platform: `${process.platform} ${process.arch}`,
    },
    defaultDevice: getDefaultDevice(),
    devices: devices(),
  };
}

const libraryText = (of: LibraryInfo): string => ('reason' in of ? of.reason : `${of.version}, ${of.path}`);

function deviceLines(device: DeviceInfo): string[] {
  const { id, kind, name, target, targets, threads, memory, available, reason, libraries } = device;
  if (!available) return [`${id}: not available`, `  reason   ${reason}`];
  return [
    `${id}: ${name}`,
    `  target   ${target}${targets.length > 1 ? ` (of ${targets.join(', ')})` : ''}`,
    `  ${kind === 'cpu' ? 'threads ' : 'units   '} ${threads}`,
    `  memory   ${(memory / 2 ** 30).toFixed(1)} GiB`,
    ...Object.entries(libraries ?? {}).map(([library, of]) => `  ${library.padEnd(8)} ${libraryText(of)}`),
  ];
}

/**
 * Prints the devices with their targets, the reason for each that is not available, and versions.
 *
 * @param json As one JSON object instead of text.
 * @throws AddonError where the addon cannot be loaded.
 */
export async function info(json: boolean): Promise<void> {
  const facts = await collect();
  if (json) return console.log(JSON.stringify(facts, null, 2));
  const { receptive, node, nodeApi, platform } = facts.versions;
  const lines = [
    `receptive ${receptive}, Node.js ${node} (Node-API ${nodeApi}), ${platform}`,
    `default device: ${facts.defaultDevice}`,
    ...facts.devices.flatMap(deviceLines),
  ];
  console.log(lines.join('\n'));
}
