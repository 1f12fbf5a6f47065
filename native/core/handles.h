// The handle table of one environment: a tensor in JavaScript is a slot and a generation. A slot's generation changes
// with every release, so a handle that is stale, or another environment's, is found out and never dereferenced.
#pragma once

#include <cstdint>
#include <vector>

#include "block.h"
#include "types.h"

namespace receptive {

struct HandleId {
  std::uint32_t slot;
  std::uint32_t generation;  // never 0
};

struct Handle {
  Block* block = nullptr;  // null: the slot is free
  std::uint32_t generation = 1;
  std::uint32_t nextFree = 0;
  std::uint32_t device = 0;
  View view{};
};

class HandleTable {
 public:
  // Makes room, so that the next `count` add() cannot fail.
  void reserve(std::size_t count) {
    if (handles_.capacity() - handles_.size() < count) handles_.reserve(2 * handles_.capacity() + count + 64);
  }

  // The handle takes over one of the block's references.
  HandleId add(const View& view, Block* block, std::uint32_t device) {
    std::uint32_t slot = firstFree_;
    if (slot == kNone) {
      slot = static_cast<std::uint32_t>(handles_.size());
      handles_.emplace_back();
    } else {
      firstFree_ = handles_[slot].nextFree;
    }
    Handle& handle = handles_[slot];
    handle.block = block;
    handle.view = view;
    handle.device = device;
    ++live_;
    return {slot, handle.generation};
  }

  // Null when the handle is stale or was never given out. Valid until the next add().
  Handle* find(HandleId id) {
    if (id.slot >= handles_.size()) return nullptr;
    Handle& handle = handles_[id.slot];
    return handle.block != nullptr && handle.generation == id.generation ? &handle : nullptr;
  }

  // Frees the slot of a handle that find() gave; the caller drops the block's reference.
  void remove(HandleId id) {
    Handle& handle = handles_[id.slot];
    handle.block = nullptr;
    --live_;
    ++handle.generation;
    if (handle.generation == 0) return;  // every generation was used: the slot is never given out again
    handle.nextFree = firstFree_;
    firstFree_ = id.slot;
  }

  std::size_t live() const { return live_; }

  template <class F>
  void for_each(F&& visit) {
    for (std::uint32_t slot = 0; slot < handles_.size(); ++slot) {
      if (handles_[slot].block != nullptr) visit(HandleId{slot, handles_[slot].generation}, handles_[slot]);
    }
  }

 private:
  static constexpr std::uint32_t kNone = 0xffffffffu;
  std::vector<Handle> handles_;
  std::uint32_t firstFree_ = kNone;
  std::size_t live_ = 0;
};

}  // namespace receptive
