// Packed forms of storages (see PackRequest), kept from call to call by one stream: a list per storage, and one of all
// by last use. A form goes when its storage is written to or freed, when newer ones need its place (together they may
// hold a quarter of the memory limit), and when memory runs out. Called on the JavaScript thread; queued tasks keep the
// memory of what is dropped until they have run, like that of any block.
#pragma once

#include <cstdint>
#include <list>

#include "block.h"
#include "op.h"

namespace receptive {

struct PackedForm {
  PackKey key;
  Block* owner;                // the storage it was made from
  Block* block;                // what holds it
  PackedForm* next = nullptr;  // of the same storage
  std::list<PackedForm>::iterator place;
};

class PackCache {
 public:
  // The owner's form with this key, now the one used last; null if there is none.
  Block* find(const Block& owner, const PackKey& key) {
    for (PackedForm* form = owner.packs; form != nullptr; form = form->next) {
      if (form->key == key) {
        forms_.splice(forms_.begin(), forms_, form->place);
        return form->block;
      }
    }
    return nullptr;
  }

  // Keeps a form. What does not fit into `limit` bytes any more is dropped: drop(block) takes it back.
  template <class Drop>
  bool keep(Block& owner, const PackKey& key, Block* block, std::int64_t limit, Drop&& drop) {
    if (block->bytes > limit) return false;
    while (bytes_ + block->bytes > limit) remove(forms_.back(), drop);
    forms_.push_front(PackedForm{key, &owner, block, owner.packs, {}});
    forms_.front().place = forms_.begin();
    owner.packs = &forms_.front();
    bytes_ += block->bytes;
    return true;
  }

  template <class Drop>
  void forget(const Block& owner, Drop&& drop) {
    while (owner.packs != nullptr) remove(*owner.packs, drop);
  }

  template <class Drop>
  void clear(Drop&& drop) {
    while (!forms_.empty()) remove(forms_.back(), drop);
  }

  bool empty() const { return forms_.empty(); }
  std::int64_t bytes() const { return bytes_; }

 private:
  template <class Drop>
  void remove(PackedForm& form, Drop&& drop) {
    PackedForm** link = &form.owner->packs;
    while (*link != &form) link = &(*link)->next;
    *link = form.next;
    bytes_ -= form.block->bytes;
    Block* block = form.block;
    forms_.erase(form.place);
    drop(block);
  }

  std::list<PackedForm> forms_;  // the one used last first
  std::int64_t bytes_ = 0;
};

}  // namespace receptive
