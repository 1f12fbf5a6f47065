// Tensors in files: `receptive/io`.
export { type CheckpointContents, saveCheckpoint } from './checkpoint';
export type { Json } from './json';
export { loadNpy, saveNpy } from './npy';
export { loadNpz, type NpzOptions, saveNpz } from './npz';
export type { LoadNamedOptions, LoadOptions, SaveOptions } from './options';
export { type CheckpointOptions, type LoadedCheckpoint, loadCheckpoint } from './restore';
export { loadSafetensors, readSafetensorsHeader, type SafetensorsOptions, saveSafetensors } from './safetensors';
export type { SafetensorsEntry, SafetensorsHeader } from './safetensorsHeader';
export type { FilePath } from './source';
export type { StateDict, Stateful } from './stateful';
export type { NamedTensors } from './tensorData';
