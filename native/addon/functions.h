// What the functions of the module that are asked rarely have in common.
#pragma once

#include <napi.h>

#include <cmath>
#include <cstdint>

#include "environment.h"

namespace receptive {

// A whole number in [low, high] as the argument at `index`.
inline std::int64_t integer_argument(const Napi::CallbackInfo& info, std::size_t index, const char* what, double low,
                                     double high) {
  const double value = info[index].IsNumber() ? info[index].As<Napi::Number>().DoubleValue() : std::nan("");
  if (value >= low && value <= high && value == std::floor(value)) return static_cast<std::int64_t>(value);
  throw Error(ErrorCode::argument, text_of(what, " must be an integer from ", static_cast<std::int64_t>(low), " to ",
                                           static_cast<std::int64_t>(high)));
}

// A function of the module whose body gets the arguments and the environment.
template <class F>
void define(Napi::Env env, Napi::Object exports, Environment& environment, const char* name, F body) {
  exports.Set(name, Napi::Function::New(
                        env,
                        [body, &environment](const Napi::CallbackInfo& info) {
                          const napi_value result = guard(info.Env(), environment.errors(),
                                                          [&]() -> napi_value { return body(info, environment); });
                          return Napi::Value(info.Env(), result);
                        },
                        name));
}

}  // namespace receptive
