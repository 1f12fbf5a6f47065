// The list of op families, in the order of their op numbers. A row X(one_hot, OneHot) stands for the header
// ops/one_hot.h and its OneHotFamily<Executor>. CMake reads this list too, and compiles each family once per target.
#pragma once

#define RECEPTIVE_FAMILIES(X)               \
  X(unary, Unary)                           \
  X(activation, Activation)                 \
  X(binary, Binary)                         \
  X(where, Where)                           \
  X(cast, Cast)                             \
  X(copy, Copy)                             \
  X(creation, Creation)                     \
  X(random, Random)                         \
  X(reduce, Reduce)                         \
  X(softmax, Softmax)                       \
  X(batch_norm, BatchNorm)                  \
  X(layer_norm, LayerNorm)                  \
  X(local_response_norm, LocalResponseNorm) \
  X(dropout, Dropout)                       \
  X(loss, Loss)                             \
  X(one_hot, OneHot)                        \
  X(gather, Gather)                         \
  X(topk, Topk)                             \
  X(optim, Optim)                           \
  X(matmul, Matmul)                         \
  X(conv2d, Conv2d)                         \
  X(conv3d, Conv3d)                         \
  X(pool, Pool)
