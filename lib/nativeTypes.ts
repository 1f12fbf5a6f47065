/** What the addon exports; native/README.md describes the boundary. */
export interface NativeAddon {
  /** Element types by number. */
  readonly dtypes: readonly { readonly name: string; readonly bytes: number }[];
  /** Operations by number. */
  readonly ops: readonly OpSchema[];
  /** Call buffer: op, device, counts, handles. */
  readonly words: Uint32Array;
  /** Call buffer: shapes, then attributes. */
  readonly numbers: Float64Array;
  dispatch(): void;
  /** Bytes of workspace and of packed weights for the op, device and dtype in `words`, attributes in `numbers`. */
  needs(): void;
  create(values: ArrayBufferView): void;
  view(): void;
  release(slot: number, generation: number): void;
  read(slot: number, generation: number, target: ArrayBuffer): Promise<void>;
  readSync(slot: number, generation: number, target: ArrayBuffer): void;
  version(slot: number, generation: number): number;
  synchronize(device: number): Promise<void>;
  synchronizeSync(device: number): void;
  devices(): readonly DeviceInfo[];
  /** Those that the device's backend uses where they are found; looks for them at the first call. */
  libraries(device: number): readonly NativeLibrary[];
  memoryStats(device: number): MemoryStats;
  setMemoryLimit(device: number, bytes: number): void;
  emptyCache(device: number): void;
  resetPeakMemory(device: number): void;
  getNumThreads(): number;
  setNumThreads(threads: number): void;
  takeEvents(token: number): readonly NativeEvent[];
  /** Milliseconds of patience; `launched`: whether a launcher has started this process with others. */
  openCommunicator(library: string, launched: boolean, patience: number): Promise<void>;
  communicatorPlace(): { readonly rank: number; readonly size: number };
  /** Slots and generations in turn. */
  allReduceSum(tensors: Uint32Array): Promise<void>;
  broadcast(tensors: Uint32Array, root: number): Promise<void>;
  barrier(): Promise<void>;
  closeCommunicator(): Promise<void>;
  setErrorClasses(classes: Readonly<Record<string, new (message: string) => Error>>): void;
}

/** An operation as the addon describes it. */
export interface OpSchema {
  readonly name: string;
  readonly minInputs: number;
  readonly maxInputs: number;
  readonly outputs: number;
  readonly attrs: readonly AttributeSchema[];
}

export interface AttributeSchema {
  readonly name: string;
  readonly kind: 'integer' | 'real' | 'flag';
  readonly count: number;
}

/** A device of this machine, or one that this build could use and the reason why it cannot. */
export interface DeviceInfo {
  /** `cpu`, `cuda:0` … */
  readonly id: string;
  readonly kind: 'cpu' | 'cuda';
  /** The processor's or the card's own name. */
  readonly name: string;
  /** Instruction set of the kernels in use: `x86-64-v4`, `arm64`, `sm_90` … */
  readonly target: string;
  /** Those that the device could use, best first; RECEPTIVE_CPU_TARGET chooses among a CPU's. */
  readonly targets: readonly string[];
  /** Size of the compute pool on a CPU, number of multiprocessors on a GPU. */
  readonly threads: number;
  /** Bytes of memory that the device has. */
  readonly memory: number;
  readonly available: boolean;
  /** Why the device is not available; null where it is. */
  readonly reason: string | null;
  /** Of an available CUDA device, from `devices()`: what it can use beside its own kernels. */
  readonly libraries?: DeviceLibraries;
}

/** A library that is used where it is found: its version and file, or why it is not used. */
export type LibraryInfo = { readonly version: string; readonly path: string } | { readonly reason: string };

/** The libraries of a CUDA device. */
export interface DeviceLibraries {
  /** For `matmulBackend: 'cublas'`; versions 12 and 13. */
  readonly cublas: LibraryInfo;
}

/** The same from the addon, where null stands for what is not known. */
export interface NativeLibrary {
  readonly name: string;
  readonly version: string | null;
  readonly path: string | null;
  readonly reason: string | null;
}

/** Memory of a device, in bytes. Buffers are shared by the whole process, handles belong to this environment. */
export interface MemoryStats {
  /** Held by tensors and queued work. */
  readonly allocatedBytes: number;
  /** Taken from the system: `allocatedBytes` and what the allocator keeps for reuse. */
  readonly reservedBytes: number;
  /** Largest `allocatedBytes` since the start or `resetPeakMemory()`. */
  readonly peakBytes: number;
  /** What `setMemoryLimit()` set, or the default. */
  readonly limitBytes: number;
  /** Live tensors of this environment on the device, views included. */
  readonly tensors: number;
}

/** A finished operation, as recorded under a profile's token. */
export interface NativeEvent {
  /** Op number. */
  readonly op: number;
  /** Device number. */
  readonly device: number;
  readonly startUs: number;
  readonly durationUs: number;
  readonly flops: number;
  readonly bytes: number;
  /** Whether it ran on the calling thread. */
  readonly inline: boolean;
}
