// The part of the module that is asked rarely: schemas, devices, memory, threads, profiles, communicators.
#pragma once

#include <napi.h>

#include "environment.h"

namespace receptive {

void export_tables(Napi::Env env, Napi::Object exports, Environment& environment);
// Those of communicators.
void export_collectives(Napi::Env env, Napi::Object exports, Environment& environment);

}  // namespace receptive
