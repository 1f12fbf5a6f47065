// The handle table: stale and foreign handles are found out, slots are reused under another generation.
#include "core/handles.h"

#include <random>
#include <vector>

#include "../check.h"

using namespace receptive;

namespace {

void life_of_a_handle() {
  HandleTable table;
  Block block;
  table.reserve(1);
  const HandleId id = table.add(View{}, &block, 3);
  EXPECT(id.generation != 0, "a generation is never 0");
  Handle* found = table.find(id);
  EXPECT(found != nullptr && found->block == &block && found->device == 3, "find");
  EXPECT(table.find({id.slot, id.generation + 1}) == nullptr, "another generation");
  EXPECT(table.find({id.slot + 1, id.generation}) == nullptr, "a slot that does not exist");
  EXPECT(table.find({0xffffffffu, 1}) == nullptr, "the largest slot");
  table.remove(id);
  EXPECT(table.find(id) == nullptr && table.live() == 0, "a removed handle");
  const HandleId next = table.add(View{}, &block, 0);
  EXPECT(next.slot == id.slot && next.generation != id.generation, "the slot is reused under another generation");
  EXPECT(table.find(id) == nullptr && table.find(next) != nullptr, "only the new handle is valid");
}

void many_handles() {
  HandleTable table;
  std::vector<Block> blocks(500);
  std::vector<std::pair<HandleId, Block*>> live;
  std::vector<HandleId> stale;
  std::mt19937 random(7);
  for (int step = 0; step < 20000; ++step) {
    if (live.empty() || (random() % 2 == 0 && live.size() < 400)) {
      Block* block = &blocks[random() % blocks.size()];
      table.reserve(1);
      live.emplace_back(table.add(View{}, block, 0), block);
    } else {
      const std::size_t i = random() % live.size();
      table.remove(live[i].first);
      stale.push_back(live[i].first);
      live[i] = live.back();
      live.pop_back();
    }
  }
  EXPECT(table.live() == live.size(), "%zu are live, %zu expected", table.live(), live.size());
  for (const auto& [id, block] : live)
    EXPECT(table.find(id) != nullptr && table.find(id)->block == block, "a live handle");
  for (const HandleId id : stale) EXPECT(table.find(id) == nullptr, "a stale handle");
  std::size_t visited = 0;
  table.for_each([&](HandleId id, Handle& handle) {
    ++visited;
    EXPECT(table.find(id) == &handle, "for_each");
  });
  EXPECT(visited == live.size(), "for_each visits %zu", visited);
}

void room() {
  HandleTable table;
  Block block;
  table.reserve(4);
  const HandleId first = table.add(View{}, &block, 0);
  const Handle* before = table.find(first);
  for (int i = 0; i < 3; ++i) table.add(View{}, &block, 0);
  EXPECT(table.find(first) == before, "adding what room was made for moves nothing");
}

}  // namespace

int main() {
  life_of_a_handle();
  many_handles();
  room();
  return harness::report("handles");
}
