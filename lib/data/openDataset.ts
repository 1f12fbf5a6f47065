// Data sets made from their descriptions, in whichever thread this runs.
import { type Dataset, type DatasetSpec, expectDataset } from './dataset';
import { FolderDataset } from './folderDataset';
import { MemoryDataset } from './memoryDataset';
import { defaultExport } from './userModule';
import { ConcatDataset, SubsetDataset } from './views';

/** The data set that a description stands for. @internal */
export async function openDataset(spec: DatasetSpec): Promise<Dataset> {
  switch (spec.kind) {
    case 'memory':
      return new MemoryDataset(spec.images, spec.labels, spec.shape);
    case 'folder':
      return new FolderDataset(spec);
    case 'subset':
      return new SubsetDataset(await openDataset(spec.of), spec.indices);
    case 'concat':
      return new ConcatDataset(await Promise.all(spec.of.map(openDataset)));
    case 'module':
      return importDataset(spec.url, spec.options);
  }
}

/** @internal */
export async function importDataset(url: string, options: unknown): Promise<Dataset> {
  const made = await (await defaultExport('moduleDataset', url))(options);
  expectDataset('moduleDataset', `the result of ${url}`, made);
  return made;
}
