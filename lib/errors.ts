/**
 * Base class of every error that this library throws on purpose. `code` is stable and may be tested; the message names
 * the operation, the argument, what was given and what is allowed.
 */
export class ReceptiveError extends Error {
  /** Stable machine-readable code, for example `ERR_SHAPE`. */
  readonly code: string = 'ERR_RECEPTIVE';
}

/** A shape, axis, rank or size that an operation does not accept. */
export class ShapeError extends ReceptiveError {
  override readonly code: string = 'ERR_SHAPE';
}

/** An element type that an operation does not accept, or operands of unequal types. */
export class DTypeError extends ReceptiveError {
  override readonly code: string = 'ERR_DTYPE';
}

/** An unknown or unavailable device, or operands on different devices. */
export class DeviceError extends ReceptiveError {
  override readonly code: string = 'ERR_DEVICE';
}

/** A tensor was used after `dispose()`. */
export class DisposedError extends ReceptiveError {
  override readonly code: string = 'ERR_DISPOSED';
}

/** A device or the host cannot provide the memory asked for. */
export class OutOfMemoryError extends ReceptiveError {
  override readonly code: string = 'ERR_OUT_OF_MEMORY';
}

/** A device failed in a way that only a new process can recover from. */
export class DeviceLostError extends ReceptiveError {
  override readonly code: string = 'ERR_DEVICE_LOST';
}

/** The request is legal but this version, build or device does not provide it. */
export class UnsupportedError extends ReceptiveError {
  override readonly code: string = 'ERR_UNSUPPORTED';
}

/** A file or buffer is not in the format it should be in. */
export class FormatError extends ReceptiveError {
  override readonly code: string = 'ERR_FORMAT';
}

/** An argument or option of the wrong type, an unknown option, or a value outside its range. */
export class ArgumentError extends ReceptiveError {
  override readonly code: string = 'ERR_ARGUMENT';
}

/** Index data (labels, gather indices) out of range, found while the operation ran: reading the result reports it. */
export class IndexError extends ReceptiveError {
  override readonly code: string = 'ERR_INDEX';
}

/**
 * Processes that work together lost each other: one has ended, takes too long or does something else in its turn. What they
 * were doing has no result, and only new processes can go on.
 */
export class CommunicationError extends ReceptiveError {
  override readonly code: string = 'ERR_COMMUNICATION';
}

/**
 * The tape cannot do what is asked: a graph that was used up or never recorded, or a saved tensor that was written in
 * place.
 */
export class GraphError extends ReceptiveError {
  override readonly code: string = 'ERR_GRAPH';
}

/** The native addon could not be loaded, or is of another version than this package. */
export class AddonError extends ReceptiveError {
  override readonly code: string = 'ERR_ADDON';
}

type ErrorClass = new (message: string, options?: ErrorOptions) => ReceptiveError;

/** Class by code. The addon throws instances of these. @internal */
export const errorClasses: Readonly<Record<string, ErrorClass>> = {
  ERR_RECEPTIVE: ReceptiveError,
  ERR_SHAPE: ShapeError,
  ERR_DTYPE: DTypeError,
  ERR_DEVICE: DeviceError,
  ERR_DISPOSED: DisposedError,
  ERR_OUT_OF_MEMORY: OutOfMemoryError,
  ERR_DEVICE_LOST: DeviceLostError,
  ERR_UNSUPPORTED: UnsupportedError,
  ERR_FORMAT: FormatError,
  ERR_ARGUMENT: ArgumentError,
  ERR_GRAPH: GraphError,
  ERR_INDEX: IndexError,
  ERR_COMMUNICATION: CommunicationError,
  ERR_ADDON: AddonError,
};

// On the prototype, where the stack's first line and inspectors look for it, and where it costs nothing per error.
for (const errorClass of Object.values(errorClasses)) {
  Object.defineProperty(errorClass.prototype, 'name', { value: errorClass.name, configurable: true, writable: true });
}
