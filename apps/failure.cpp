#include "failure.h"

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <new>
#include <system_error>

#include "attend/core/error.h"
#include "attend/core/files.h"
#include "attend/core/printable.h"
#include "attend/ops/memory.h"
#include "attend/store/model_folder.h"
#include "terminal.h"

namespace attend::cli {

void set_safeguards(bool verify) {
  guard_tensor_memory();
  explain_lost_pages();
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
  std::fflush(stdout);  // the error is the last word; one message is enough when what came before it cannot be written
  try {
    throw;
  } catch (const PipeClosed&) {
    return 0;  // whoever read has seen enough
  } catch (const Error& e) {
    say("attend: {}\n", printable(e.what()));
    return exit_code(e);
  } catch (const std::bad_alloc&) {
    say("attend: out of memory; use smaller batches (train.batch_size, --batch), shorter texts or a smaller model\n");
  } catch (const std::filesystem::filesystem_error& e) {
    say("attend: {}{}\n", e.path1().empty() ? "" : printable(e.path1().string()) + ": ", printable(e.code().message()));
  } catch (const std::system_error& e) {  // as fmt::print throws it
    if (e.code().value() == EPIPE) return 0;
    say("attend: standard output: {}\n", printable(e.what()));
  } catch (const std::exception& e) {
    say("attend: {}\n", printable(error_text(e)));
  } catch (...) {
    say("attend: failed for a reason that is not known (a bug in attend, please report it)\n");
  }
  return 1;
}

}  // namespace attend::cli
