// The module: what JavaScript sees, and the functions behind the names. Hot functions are raw Node-API callbacks with
// the environment as their data; the others convert their arguments with node-addon-api.
#include <napi.h>

#include "environment.h"
#include "tables.h"

namespace receptive {

namespace {

// --- hot: raw calls

template <int kCount>
struct Arguments {
  Arguments(napi_env env, napi_callback_info info) {
    std::size_t count = kCount;
    void* data = nullptr;
    napi_get_cb_info(env, info, &count, kCount > 0 ? values : nullptr, nullptr, &data);
    environment = static_cast<Environment*>(data);
  }
  Environment* environment;
  napi_value values[kCount > 0 ? kCount : 1];
};

std::uint32_t word(napi_env env, napi_value value) {
  std::uint32_t number = 0;
  if (napi_get_value_uint32(env, value, &number) != napi_ok) {
    throw Error(ErrorCode::argument, "slot, generation and device must be numbers");
  }
  return number;
}

napi_value dispatch(napi_env env, napi_callback_info info) {
  const Arguments<0> given(env, info);
  return guard(env, given.environment->errors(), [&]() -> napi_value {
    given.environment->dispatch();
    return nullptr;
  });
}

napi_value create(napi_env env, napi_callback_info info) {
  const Arguments<1> given(env, info);
  return guard(env, given.environment->errors(), [&]() -> napi_value {
    given.environment->create(given.values[0]);
    return nullptr;
  });
}

napi_value view(napi_env env, napi_callback_info info) {
  const Arguments<0> given(env, info);
  return guard(env, given.environment->errors(), [&]() -> napi_value {
    given.environment->view();
    return nullptr;
  });
}

napi_value release(napi_env env, napi_callback_info info) {
  const Arguments<2> given(env, info);
  return guard(env, given.environment->errors(), [&]() -> napi_value {
    given.environment->release({word(env, given.values[0]), word(env, given.values[1])});
    return nullptr;
  });
}

napi_value version(napi_env env, napi_callback_info info) {
  const Arguments<2> given(env, info);
  return guard(env, given.environment->errors(), [&]() -> napi_value {
    const std::uint64_t version = given.environment->version({word(env, given.values[0]), word(env, given.values[1])});
    napi_value result = nullptr;
    napi_create_double(env, static_cast<double>(version), &result);
    return result;
  });
}

napi_value read(napi_env env, napi_callback_info info) {
  const Arguments<3> given(env, info);
  return guard(env, given.environment->errors(), [&]() -> napi_value {
    return given.environment->read({word(env, given.values[0]), word(env, given.values[1])}, given.values[2]);
  });
}

napi_value read_now(napi_env env, napi_callback_info info) {
  const Arguments<3> given(env, info);
  return guard(env, given.environment->errors(), [&]() -> napi_value {
    given.environment->read_now({word(env, given.values[0]), word(env, given.values[1])}, given.values[2]);
    return nullptr;
  });
}

napi_value synchronize(napi_env env, napi_callback_info info) {
  const Arguments<1> given(env, info);
  return guard(env, given.environment->errors(),
               [&]() -> napi_value { return given.environment->synchronize(word(env, given.values[0])); });
}

napi_value synchronize_now(napi_env env, napi_callback_info info) {
  const Arguments<1> given(env, info);
  return guard(env, given.environment->errors(), [&]() -> napi_value {
    given.environment->synchronize_now(word(env, given.values[0]));
    return nullptr;
  });
}

void export_function(Napi::Object exports, Environment& environment, const char* name, napi_callback callback) {
  napi_value function = nullptr;
  if (napi_create_function(exports.Env(), name, NAPI_AUTO_LENGTH, callback, &environment, &function) != napi_ok) {
    throw Error(ErrorCode::memory, "receptive: V8 has no memory for the module");
  }
  exports.Set(name, Napi::Value(exports.Env(), function));
}

Napi::Object fill_exports(Napi::Env env, Napi::Object exports) {
  auto* environment = new Environment(env);
  env.SetInstanceData(environment);  // deleted with the environment
  // Runs before the threadsafe function's own hook, which was added earlier: from then on nobody calls it any more.
  napi_add_env_cleanup_hook(
      env, [](void* data) { static_cast<Environment*>(data)->stop(); }, environment);
  const struct {
    const char* name;
    napi_callback callback;
  } functions[] = {
      {"dispatch", dispatch}, {"create", create},           {"view", view},
      {"release", release},   {"version", version},         {"read", read},
      {"readSync", read_now}, {"synchronize", synchronize}, {"synchronizeSync", synchronize_now},
  };
  for (const auto& [name, callback] : functions) export_function(exports, *environment, name, callback);
  exports.Set("words", environment->words(env));
  exports.Set("numbers", environment->numbers(env));
  export_tables(env, exports, *environment);
  export_collectives(env, exports, *environment);
  return exports;
}

}  // namespace

}  // namespace receptive

static Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  const receptive::ErrorClasses none;  // setErrorClasses() has not been called yet
  receptive::guard(env, none, [&]() -> napi_value { return receptive::fill_exports(env, exports); });
  return exports;
}

NODE_API_MODULE(receptive, initialize)
