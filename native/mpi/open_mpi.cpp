// Open MPI as a transport. The library is opened at run time and nothing of it is compiled in: its binary interface,
// the same from version 2 to 5, has handles that are the addresses of exported symbols, and the few constants below.
#include <dlfcn.h>

#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "../core/error.h"
#include "../core/transport.h"

namespace receptive {

namespace {

using Handle = void*;  // of a communicator, a type, an operation, a request, an error handler

// Constants of Open MPI's mpi.h.
constexpr int kSuccess = 0;
constexpr int kThreadFunneled = 1;
constexpr int kMaxErrorText = 256;
void* in_place() { return reinterpret_cast<void*>(1); }

struct Library {
  int (*init)(int*, char***, int, int*);
  int (*finalize)();
  int (*commRank)(Handle, int*);
  int (*commSize)(Handle, int*);
  int (*duplicate)(Handle, Handle*);
  int (*setErrorHandler)(Handle, Handle);
  int (*errorString)(int, char*, int*);
  int (*sum)(const void*, void*, int, Handle, Handle, Handle, Handle*);
  int (*broadcast)(void*, int, Handle, int, Handle, Handle*);
  int (*barrier)(Handle, Handle*);
  int (*test)(Handle*, int*, void*);
  Handle world;
  Handle floatType;
  Handle doubleType;
  Handle byteType;
  Handle sumOperation;
  Handle errorsReturn;
};

// Whether `to` is found; a function and a data pointer have the same form on every system that has dlsym().
template <class T>
bool find(void* library, const char* name, T& to) {
  to = reinterpret_cast<T>(dlsym(library, name));
  return to != nullptr;
}

bool find_all(void* from, Library& to) {
  return find(from, "MPI_Init_thread", to.init) && find(from, "MPI_Finalize", to.finalize) &&
         find(from, "MPI_Comm_rank", to.commRank) && find(from, "MPI_Comm_size", to.commSize) &&
         find(from, "MPI_Comm_dup", to.duplicate) && find(from, "MPI_Comm_set_errhandler", to.setErrorHandler) &&
         find(from, "MPI_Error_string", to.errorString) && find(from, "MPI_Iallreduce", to.sum) &&
         find(from, "MPI_Ibcast", to.broadcast) && find(from, "MPI_Ibarrier", to.barrier) &&
         find(from, "MPI_Test", to.test) && find(from, "ompi_mpi_comm_world", to.world) &&
         find(from, "ompi_mpi_float", to.floatType) && find(from, "ompi_mpi_double", to.doubleType) &&
         find(from, "ompi_mpi_byte", to.byteType) && find(from, "ompi_mpi_op_sum", to.sumOperation) &&
         find(from, "ompi_mpi_errors_return", to.errorsReturn);
}

// Where it usually is; the folders are those of distributions that have several implementations side by side.
const char* const kUsual[] = {"libmpi.so.40",
                              "libmpi.so.20",
                              "/usr/lib64/openmpi/lib/libmpi.so.40",
                              "/usr/lib/x86_64-linux-gnu/openmpi/lib/libmpi.so.40",
                              "/usr/lib/aarch64-linux-gnu/openmpi/lib/libmpi.so.40",
                              "/usr/local/lib/libmpi.so.40",
                              "libmpi.so"};

// Stays open for ever, as its threads may.
Library load(const std::string& given) {
  const std::vector<std::string> names =
      given.empty() ? std::vector<std::string>(std::begin(kUsual), std::end(kUsual)) : std::vector<std::string>{given};
  std::string tried;
  for (const std::string& name : names) {
    tried += tried.empty() ? "" : "; ";
    // Global: the library's plugins find it by its symbols.
    void* opened = dlopen(name.c_str(), RTLD_NOW | RTLD_GLOBAL);
    if (opened == nullptr) {
      const char* reason = dlerror();
      tried += reason != nullptr ? reason : name;
      continue;
    }
    Library library{};
    if (find_all(opened, library)) return library;
    dlclose(opened);
    tried += name + " is not the library of Open MPI 2 or newer";
  }
  throw Error(
      ErrorCode::unsupported,
      "MPI needs the library of Open MPI, which was not found: install it (Debian, Ubuntu: apt-get install "
      "openmpi-bin; Fedora: dnf install openmpi; conda install -c conda-forge openmpi), or name the file libmpi.so.40 "
      "by RECEPTIVE_MPI_LIBRARY. Tried: " +
          tried);
}

// MPI is started at most once in a process, and once ended never again.
std::atomic<bool> wasStarted{false};

class OpenMpi final : public Transport {
 public:
  OpenMpi(std::string library, bool launched) : name_(std::move(library)), isAlone_(!launched) {}

  void open() override {
    mpi_ = load(name_);
    if (isAlone_) return;
    if (wasStarted.exchange(true)) {
      throw Error(ErrorCode::unsupported, "MPI can be started once in a process, and it was already");
    }
    int provided = 0;
    // This thread is the only one that calls MPI.
    check(mpi_.init(nullptr, nullptr, kThreadFunneled, &provided));
    if (provided < kThreadFunneled) {
      throw Error(ErrorCode::unsupported,
                  "this Open MPI was built without threads: it does not know MPI_THREAD_FUNNELED");
    }
    check(mpi_.setErrorHandler(mpi_.world, mpi_.errorsReturn));
    check(mpi_.commRank(mpi_.world, &rank_));
    check(mpi_.commSize(mpi_.world, &size_));
    for (Handle* one : {&sums_, &broadcasts_, &barriers_, &leaving_}) check(mpi_.duplicate(mpi_.world, one));
  }

  void close() override {
    if (!isAlone_) check(mpi_.finalize());
  }

  int rank() const override { return rank_; }
  int size() const override { return size_; }

  void begin_sum(void* data, std::int64_t count, DType dtype) override {
    if (isAlone_) return;
    const Handle type = dtype == DType::float64 ? mpi_.doubleType : mpi_.floatType;
    check(mpi_.sum(in_place(), data, static_cast<int>(count), type, mpi_.sumOperation, sums_, &request_));
  }

  void begin_broadcast(void* data, std::int64_t bytes, int root) override {
    if (isAlone_) return;
    check(mpi_.broadcast(data, static_cast<int>(bytes), mpi_.byteType, root, broadcasts_, &request_));
  }

  void begin_barrier() override { barrier_of(barriers_); }
  void begin_leaving() override { barrier_of(leaving_); }

  bool done() override {
    if (isAlone_) return true;
    int flag = 0;
    check(mpi_.test(&request_, &flag, nullptr));
    return flag != 0;
  }

 private:
  void barrier_of(Handle communicator) {
    if (!isAlone_) check(mpi_.barrier(communicator, &request_));
  }

  void check(int status) const {
    if (status == kSuccess) return;
    char text[kMaxErrorText] = "";
    int length = 0;
    mpi_.errorString(status, text, &length);
    throw Error(ErrorCode::communication, text_of("MPI failed with error ", status, ", ", text));
  }

  const std::string name_;
  const bool isAlone_;
  Library mpi_{};
  // One for each kind of operation: where processes disagree on what comes next, MPI would take one kind's messages for
  // another's, and give wrong results; so it waits.
  Handle sums_ = nullptr;
  Handle broadcasts_ = nullptr;
  Handle barriers_ = nullptr;
  Handle leaving_ = nullptr;
  Handle request_ = nullptr;
  int rank_ = 0;
  int size_ = 1;
};

}  // namespace

std::unique_ptr<Transport> open_mpi(std::string library, bool launched) {
  return std::make_unique<OpenMpi>(std::move(library), launched);
}

}  // namespace receptive
