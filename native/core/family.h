// Helpers to write an op family: fields of the attribute struct, and the row of the op table made from an op's class.
//
//   struct ClampAttrs { double low; double high; };
//   template <class X> struct Clamp {
//     using Attrs = ClampAttrs;
//     static constexpr const char* name = "clamp";
//     static constexpr Field fields[] = {RECEPTIVE_REAL(ClampAttrs, low), RECEPTIVE_REAL(ClampAttrs, high)};
//     static constexpr int minInputs = 1, maxInputs = 1, outputs = 1;
//     static const char* check(const OpCall&);            // null or what does not fit
//     static Cost cost(const OpCall&);
//     static std::int64_t workspace(const OpCall&, int);  // optional: 0 bytes without it
//     static bool overwrites(const OpCall&);              // optional, for outputs in place: see OpEntry
//     static PackRequest packs(const OpCall&);            // optional: an input whose packed form is worth keeping
//     static const char* needs(const OpCall&, int, OpNeeds&);  // optional: see OpEntry
//     static void run(X& executor, const OpCall&);
//   };
#pragma once

#include <cstddef>
#include <type_traits>

#include "op.h"
#include "target.h"

#define RECEPTIVE_FIELD_(Attrs, field, kindName, type)                                                            \
  ::receptive::Field {                                                                                            \
#field, ::receptive::Field::Kind::kindName, static_cast < std::int32_t>(sizeof(Attrs::field) / sizeof(type)), \
        static_cast < std::int32_t>(offsetof(Attrs, field))                                                       \
  }
#define RECEPTIVE_INTEGER(Attrs, field) RECEPTIVE_FIELD_(Attrs, field, integer, std::int64_t)
#define RECEPTIVE_REAL(Attrs, field) RECEPTIVE_FIELD_(Attrs, field, real, double)
#define RECEPTIVE_FLAG(Attrs, field) RECEPTIVE_FIELD_(Attrs, field, flag, bool)

namespace receptive::RECEPTIVE_TARGET {

// For an op without attributes.
struct NoAttrs {};

template <class Attrs>
RECEPTIVE_FN const Attrs& attrs_of(const OpCall& call) {
  static_assert(std::is_trivially_copyable_v<Attrs> && sizeof(Attrs) <= kMaxAttrBytes);
  return *reinterpret_cast<const Attrs*>(call.attrs);
}

template <class Op, class = void>
struct FieldsOf {
  static constexpr const Field* fields = nullptr;
  static constexpr int count = 0;
};
template <class Op>
struct FieldsOf<Op, std::void_t<decltype(Op::fields)>> {
  static constexpr const Field* fields = Op::fields;
  static constexpr int count = static_cast<int>(sizeof(Op::fields) / sizeof(Field));
};

template <class Op, class = void>
struct WorkspaceOf {
  static std::int64_t bytes(const OpCall&, int) { return 0; }
};
template <class Op>
struct WorkspaceOf<Op, std::void_t<decltype(&Op::workspace)>> {
  static std::int64_t bytes(const OpCall& call, int threads) { return Op::workspace(call, threads); }
};

template <class Op, class = void>
struct OverwritesOf {
  static constexpr bool (*function)(const OpCall&) = nullptr;
};
template <class Op>
struct OverwritesOf<Op, std::void_t<decltype(&Op::overwrites)>> {
  static constexpr bool (*function)(const OpCall&) = &Op::overwrites;
};

template <class Op, class = void>
struct PacksOf {
  static constexpr PackRequest (*function)(const OpCall&) = nullptr;
};
template <class Op>
struct PacksOf<Op, std::void_t<decltype(&Op::packs)>> {
  static constexpr PackRequest (*function)(const OpCall&) = &Op::packs;
};

template <class Op, class = void>
struct NeedsOf {
  static constexpr const char* (*function)(const OpCall&, int, OpNeeds&) = nullptr;
};
template <class Op>
struct NeedsOf<Op, std::void_t<decltype(&Op::needs)>> {
  static constexpr const char* (*function)(const OpCall&, int, OpNeeds&) = &Op::needs;
};

template <class X, class Op>
struct RunOf {
  static void run(const OpCall& call, KernelContext& context) {
    X executor(context);
    Op::run(executor, call);
  }
};

// The row of the op table for one op class.
template <class X, class Op>
constexpr OpEntry entry() {
  return OpEntry{Op::name,
                 FieldsOf<Op>::fields,
                 FieldsOf<Op>::count,
                 Op::minInputs,
                 Op::maxInputs,
                 Op::outputs,
                 &Op::check,
                 &Op::cost,
                 &WorkspaceOf<Op>::bytes,
                 &RunOf<X, Op>::run,
                 OverwritesOf<Op>::function,
                 PacksOf<Op>::function,
                 NeedsOf<Op>::function};
}

// The rows of a family: `template <class X> using UnaryFamily = Family<X, Neg<X>, Abs<X>>;`
template <class X, class... Ops>
struct Family {
  static constexpr OpEntry entries[] = {entry<X, Ops>()...};
  static constexpr OpList list() { return OpList{entries, static_cast<std::int32_t>(sizeof...(Ops))}; }
};

}  // namespace receptive::RECEPTIVE_TARGET
