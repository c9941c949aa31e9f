#include "failure.h"

#include <cstdio>
#include <new>

#include "attend/core/error.h"
#include "attend/core/printable.h"
#include "attend/ops/memory.h"
#include "attend/store/model_folder.h"

namespace attend::cli {

void set_safeguards(bool verify) {
  guard_tensor_memory();
  verify_when_loading(verify);
}

namespace {

int exit_code(const Error& e) {
  switch (e.kind()) {
    case ErrorKind::kUsage: return 2;
    case ErrorKind::kInterrupted: return 130;
    default: return 1;
  }
}

}  // namespace

int report_failure() {
  try {
    throw;
  } catch (const Error& e) {
    fmt::print(stderr, "attend: {}\n", printable(e.what()));
    return exit_code(e);
  } catch (const std::bad_alloc&) {
    std::fputs("attend: out of memory; use smaller batches (train.batch_size, --batch), shorter texts or a smaller model\n", stderr);
  } catch (const std::exception& e) {
    fmt::print(stderr, "attend: {}\n", printable(error_text(e)));
  } catch (...) {
    std::fputs("attend: failed for a reason that is not known (a bug in attend, please report it)\n", stderr);
  }
  return 1;
}

}  // namespace attend::cli
