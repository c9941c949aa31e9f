attend_room(ops TORCH SOURCES recurrent.cpp KNOWS core LIBS LibTorch::LibTorch)
target_precompile_headers(attend_ops PRIVATE ${PROJECT_SOURCE_DIR}/include/attend/ops/torch.h)
# libtorch's include folder carries an fmt of its own, which shadows the system's headers but not its library; header-only,
# each version stays in its own inline namespace.
target_compile_definitions(attend_ops PUBLIC FMT_HEADER_ONLY=1)
