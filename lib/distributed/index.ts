// Training on several processes, machines or devices: `receptive/distributed`.
export type { Communicator } from './communicator';
export { DataParallel, type DistributeOptions, distribute, type ShareOptions } from './dataParallel';
export { localCommunicators } from './local';
export { type MpiOptions, mpiCommunicator } from './mpi';
export { type ReplicaOptions, Replicas, replicate } from './replicas';
