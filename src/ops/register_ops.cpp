#include "attend/ops/register_ops.h"

#include "ops/operators.h"

namespace attend {

void register_ops() {
  using torch::Library;
  // Marked as used: whoever looks for leaks must find what it points to.
  [[gnu::used]] static dispatched::Libraries* libraries = [] {
    const auto of = [](Library::Kind kind, std::optional<c10::DispatchKey> key) {
      return Library(kind, "attend", key, __FILE__, __LINE__);
    };
    auto* made = new dispatched::Libraries{of(Library::DEF, std::nullopt), of(Library::IMPL, c10::DispatchKey::CPU),
                                           of(Library::IMPL, c10::DispatchKey::Meta), of(Library::IMPL, c10::DispatchKey::Autograd)};
    define_fused_attention(*made);
    define_rows(*made);
    define_packed_linear(*made);
    return made;  // kept for the life of the process: the dispatcher may be gone before statics are
  }();
}

}  // namespace attend
