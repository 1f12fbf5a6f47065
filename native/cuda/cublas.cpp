#include "cublas.h"

#include "../core/error.h"

namespace receptive {

namespace {

// Constants of cublas_api.h and library_types.h.
constexpr int kSuccess = 0, kAllocFailed = 3;
constexpr int kMajorVersion = 0, kMinorVersion = 1, kPatchLevel = 2;
constexpr int kDefaultMath = 0, kTf32Math = 3;

// What NVIDIA recommends for its largest devices.
constexpr std::int64_t kWorkspaceBytes = std::int64_t{32} << 20;

const char* status_name(int status) {
  switch (status) {
    case 1:
      return "CUBLAS_STATUS_NOT_INITIALIZED";
    case kAllocFailed:
      return "CUBLAS_STATUS_ALLOC_FAILED";
    case 7:
      return "CUBLAS_STATUS_INVALID_VALUE";
    case 8:
      return "CUBLAS_STATUS_ARCH_MISMATCH";
    case 11:
      return "CUBLAS_STATUS_MAPPING_ERROR";
    case 13:
      return "CUBLAS_STATUS_EXECUTION_FAILED";
    case 14:
      return "CUBLAS_STATUS_INTERNAL_ERROR";
    case 15:
      return "CUBLAS_STATUS_NOT_SUPPORTED";
    case 16:
      return "CUBLAS_STATUS_LICENSE_ERROR";
    default:
      return "unknown status";
  }
}

// That of the runtime which is compiled in first: its driver is there for sure.
OptionalLibrary find() {
  constexpr const char* variable = "RECEPTIVE_CUBLAS_LIBRARY";
  if (CUDART_VERSION >= 13000) return {"cuBLAS", variable, {"libcublas.so.13", "libcublas.so.12"}};
  return {"cuBLAS", variable, {"libcublas.so.12", "libcublas.so.13"}};
}

Cublas load() {
  OptionalLibrary library = find();
  Cublas found{};
  library.bind("cublasGetProperty", found.getProperty);
  if (library.usable()) {
    int major = 0, minor = 0, patch = 0;
    found.getProperty(kMajorVersion, &major);
    found.getProperty(kMinorVersion, &minor);
    found.getProperty(kPatchLevel, &patch);
    library.expect_version(major, minor, patch, {12, 13});
  }
  library.bind("cublasCreate_v2", found.create);
  library.bind("cublasDestroy_v2", found.destroy);
  library.bind("cublasSetStream_v2", found.setStream);
  library.bind("cublasSetWorkspace_v2", found.setWorkspace);
  library.bind("cublasSetMathMode", found.setMathMode);
  library.bind("cublasSgemmStridedBatched", found.multiplyFloat);
  library.bind("cublasDgemmStridedBatched", found.multiplyDouble);
  found.info = library.info();
  return found;
}

}  // namespace

const Cublas& cublas() {
  static const Cublas library = load();
  return library;
}

CublasHandle::CublasHandle(DeviceHealth& health, Stream& owner, cudaStream_t stream)
    : library_(cublas()), health_(health), owner_(owner) {
  expect_usable(library_.info);
  workspace_ = owner_.take(kWorkspaceBytes);
  try {
    check(library_.create(&handle_), "cublasCreate");
    // In this order: a new stream means the library's own workspace.
    check(library_.setStream(handle_, stream), "cublasSetStream");
    check(library_.setWorkspace(handle_, workspace_->data, static_cast<std::size_t>(kWorkspaceBytes)),
          "cublasSetWorkspace");
  } catch (...) {
    close();
    throw;
  }
}

CublasHandle::~CublasHandle() { close(); }

// The stream is idle, or has never seen the workspace.
void CublasHandle::close() noexcept {
  if (handle_ != nullptr && !health_.lost()) library_.destroy(handle_);
  owner_.give(workspace_);
}

void CublasHandle::check(int status, const char* call) {
  if (status == kSuccess) return;
  fail_library_call(health_, call, status_name(status), status,
                    status == kAllocFailed ? ErrorCode::memory : ErrorCode::general);
}

template <class T>
void CublasHandle::multiply(const ColumnProducts<T>& p, bool shortMantissas) {
  const int mode = shortMantissas ? kTf32Math : kDefaultMath;
  if (mode != mathMode_) {
    mathMode_ = -1;
    check(library_.setMathMode(handle_, mode), "cublasSetMathMode");
    mathMode_ = mode;
  }
  const auto call = [&](CublasMultiply<T>* function, const char* name) {
    const T one{1}, beta{p.accumulate ? T{1} : T{0}};
    check(function(handle_, p.a.transposed ? 1 : 0, p.b.transposed ? 1 : 0, static_cast<int>(p.rows),
                   static_cast<int>(p.columns), static_cast<int>(p.steps), &one, p.a.data,
                   static_cast<int>(p.a.columnStride), p.a.stride, p.b.data, static_cast<int>(p.b.columnStride),
                   p.b.stride, &beta, p.c, static_cast<int>(p.columnStride), p.stride, static_cast<int>(p.count)),
          name);
  };
  if constexpr (sizeof(T) == 4) {
    call(library_.multiplyFloat, "cublasSgemmStridedBatched");
  } else {
    call(library_.multiplyDouble, "cublasDgemmStridedBatched");
  }
}

template void CublasHandle::multiply(const ColumnProducts<float>&, bool);
template void CublasHandle::multiply(const ColumnProducts<double>&, bool);

}  // namespace receptive
