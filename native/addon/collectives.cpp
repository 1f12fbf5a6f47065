// The functions of communicators: tensors are handed to the communicator's thread, and given back when the promise is
// settled.
#include <algorithm>
#include <utility>

#include "call_reader.h"
#include "functions.h"
#include "tables.h"

namespace receptive {

// The blocks that a collective has, each with a reference of its own.
struct Environment::Transit final : Held {
  explicit Transit(Environment& e) : environment(e) {}
  ~Transit() override {
    for (const auto& [block, device] : blocks) {
      block->inTransit = false;
      environment.unreference(block, device);
    }
  }

  void add(Block* block, std::uint32_t device) {
    if (block->inTransit) return;  // another view of the same storage
    blocks.emplace_back(block, device);
    ++block->references;
    block->inTransit = true;
  }

  Environment& environment;
  std::vector<std::pair<Block*, std::uint32_t>> blocks;
};

const Communicator& Environment::communicator() const {
  if (communicator_ == nullptr || !isOpen_) throw Error(ErrorCode::general, "there is no open communicator");
  return *communicator_;
}

napi_value Environment::open_communicator(std::string library, bool launched, std::chrono::milliseconds patience) {
  if (communicator_ != nullptr) throw Error(ErrorCode::unsupported, "this thread has a communicator already");
  // Told when it is open, so that nobody asks for its rank before.
  struct Opened final : Held {
    explicit Opened(bool& o) : isOpen(o) {}
    ~Opened() override { isOpen = true; }
    bool& isOpen;
  };
  communicator_ = std::make_unique<Communicator>(open_mpi(std::move(library), launched), waiting_, patience);
  Collective opening;
  opening.kind = Collective::Kind::open;
  return submit(std::move(opening), std::make_unique<Opened>(isOpen_));
}

// When it has closed, or failed to, another one may be opened.
napi_value Environment::close_communicator() {
  communicator().expect_open();
  struct Closed final : Held {
    explicit Closed(Environment& e) : environment(e) {}
    ~Closed() override {
      environment.communicator_.reset();
      environment.isOpen_ = false;
    }
    Environment& environment;
  };
  Collective closing;
  closing.kind = Collective::Kind::close;
  return submit(std::move(closing), std::make_unique<Closed>(*this));
}

napi_value Environment::submit(Collective collective, std::unique_ptr<Held> held) {
  return waiting_.promise(
      nullptr,
      [&](Completion* completion) {
        collective.completion = completion;
        communicator_->submit(std::move(collective));
        return false;
      },
      std::move(held));
}

void Environment::add_part(Collective& collective, const Handle& handle, const char* function) {
  const View& view = handle.view;
  expect_at_rest(*handle.block, function, "the tensor", "");
  if (runtime_->device(handle.device).info().kind != "cpu") {
    throw Error(ErrorCode::device, text_of(function, ": the tensor is not in the memory of the CPU"));
  }
  if (collective.kind == Collective::Kind::sum) {
    if (view.dtype != DType::float32 && view.dtype != DType::float64) {
      throw Error(ErrorCode::dtype, text_of(function, ": only float32 and float64 have sums"));
    }
    if (collective.parts.empty()) collective.dtype = view.dtype;
    if (view.dtype != collective.dtype)
      throw Error(ErrorCode::dtype, text_of(function, ": the tensors' dtypes differ"));
  }
  collective.parts.push_back({static_cast<std::byte*>(view.data), view_bytes(view), handle.block});
  const std::shared_ptr<Clock> clock = stream(handle.device).shared_clock();
  auto point = std::find_if(collective.after.begin(), collective.after.end(),
                            [&](const Collective::Point& one) { return one.clock == clock; });
  if (point == collective.after.end()) point = collective.after.insert(point, {clock, 0});
  point->ticket = std::max(point->ticket, handle.block->lastUse);
}

napi_value Environment::collective(Collective::Kind kind, const std::vector<HandleId>& ids, int root) {
  const char* function = kind == Collective::Kind::sum ? "allReduceSum" : "broadcast";
  const Communicator& open = communicator();
  open.expect_open();
  if (root < 0 || root >= open.size()) {
    throw Error(ErrorCode::argument, text_of(function, ": root ", root, " is not below the size ", open.size()));
  }
  Collective collective;
  collective.kind = kind;
  collective.root = root;
  for (const HandleId id : ids) add_part(collective, expect(id, function), function);
  auto transit = std::make_unique<Transit>(*this);
  transit->blocks.reserve(ids.size());
  for (const HandleId id : ids) {
    const Handle& handle = *handles_.find(id);
    transit->add(handle.block, handle.device);
    stream(handle.device).written(*handle.block);
  }
  return submit(std::move(collective), std::move(transit));
}

namespace {

// Slots and generations in turn, as the argument at 0.
std::vector<HandleId> handles_argument(const Napi::CallbackInfo& info, const char* function) {
  if (!info[0].IsTypedArray() || info[0].As<Napi::TypedArray>().TypedArrayType() != napi_uint32_array ||
      info[0].As<Napi::TypedArray>().ElementLength() % 2 != 0) {
    throw Error(ErrorCode::argument, text_of(function, ": the tensors must be a Uint32Array of slots and generations"));
  }
  const auto words = info[0].As<Napi::Uint32Array>();
  std::vector<HandleId> ids(words.ElementLength() / 2);
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = {words[2 * i], words[2 * i + 1]};
  return ids;
}

}  // namespace

void export_collectives(Napi::Env env, Napi::Object exports, Environment& environment) {
  const auto function = [&](const char* name, auto body) { define(env, exports, environment, name, body); };

  function("openCommunicator", [](const Napi::CallbackInfo& info, Environment& e) {
    if (!info[0].IsString() || !info[1].IsBoolean()) {
      throw Error(ErrorCode::argument, "openCommunicator: needs the library's name and whether a launcher was there");
    }
    const std::int64_t patience = integer_argument(info, 2, "openCommunicator: patience", 1, 1e12);
    return e.open_communicator(info[0].As<Napi::String>(), info[1].As<Napi::Boolean>(),
                               std::chrono::milliseconds(patience));
  });
  function("communicatorPlace", [](const Napi::CallbackInfo& info, Environment& e) {
    Napi::Object place = Napi::Object::New(info.Env());
    place["rank"] = e.communicator().rank();
    place["size"] = e.communicator().size();
    return place;
  });
  function("allReduceSum", [](const Napi::CallbackInfo& info, Environment& e) {
    return e.collective(Collective::Kind::sum, handles_argument(info, "allReduceSum"), 0);
  });
  function("broadcast", [](const Napi::CallbackInfo& info, Environment& e) {
    const auto root = integer_argument(info, 1, "broadcast: root", 0, 2147483647);
    return e.collective(Collective::Kind::broadcast, handles_argument(info, "broadcast"), static_cast<int>(root));
  });
  function("barrier",
           [](const Napi::CallbackInfo&, Environment& e) { return e.collective(Collective::Kind::barrier, {}, 0); });
  function("closeCommunicator", [](const Napi::CallbackInfo&, Environment& e) { return e.close_communicator(); });
}

}  // namespace receptive
