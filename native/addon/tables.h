// The part of the module that is asked rarely: schemas, devices, memory, threads, profiles.
#pragma once

#include <napi.h>

#include "environment.h"

namespace receptive {

void export_tables(Napi::Env env, Napi::Object exports, Environment& environment);

}  // namespace receptive
