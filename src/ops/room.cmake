attend_room(ops TORCH SOURCES module.cpp recurrent.cpp cross_entropy.cpp draws.cpp dropout.cpp dropout_kernel.cpp products.cpp packed_linear.cpp entmax.cpp fused_attention.cpp additive_steps.cpp additive_attention_step.cpp memory.cpp monotonic.cpp waiting.cpp KNOWS kernels LIBS LibTorch::LibTorch)
set_source_files_properties(src/ops/dropout_kernel.cpp PROPERTIES SKIP_PRECOMPILE_HEADERS ON COMPILE_OPTIONS "-O3;-fno-trapping-math;-fno-tree-sink")  # else the choice is a jump
set_source_files_properties(src/ops/waiting.cpp PROPERTIES SKIP_PRECOMPILE_HEADERS ON SKIP_UNITY_BUILD_INCLUSION ON)
target_precompile_headers(attend_ops PRIVATE ${PROJECT_SOURCE_DIR}/include/attend/ops/torch.h)
# libtorch's include folder carries an fmt of its own, which shadows the system's headers but not its library; header-only,
# each version stays in its own inline namespace.
target_compile_definitions(attend_ops PUBLIC FMT_HEADER_ONLY=1)
attend_test(ops_tests TORCH KNOWS ops LABELS unit
  SOURCES ${PROJECT_SOURCE_DIR}/tests/ops/recurrent_test.cpp ${PROJECT_SOURCE_DIR}/tests/ops/cross_entropy_test.cpp
          ${PROJECT_SOURCE_DIR}/tests/ops/draws_test.cpp ${PROJECT_SOURCE_DIR}/tests/ops/dropout_test.cpp ${PROJECT_SOURCE_DIR}/tests/ops/products_test.cpp
          ${PROJECT_SOURCE_DIR}/tests/ops/entmax_test.cpp ${PROJECT_SOURCE_DIR}/tests/ops/fused_attention_test.cpp ${PROJECT_SOURCE_DIR}/tests/ops/waiting_test.cpp
          ${PROJECT_SOURCE_DIR}/tests/ops/additive_steps_test.cpp ${PROJECT_SOURCE_DIR}/tests/ops/memory_test.cpp ${PROJECT_SOURCE_DIR}/tests/ops/monotonic_test.cpp ${PROJECT_SOURCE_DIR}/tests/ops/packed_linear_test.cpp ${PROJECT_SOURCE_DIR}/tests/ops/cache_rows_test.cpp ${PROJECT_SOURCE_DIR}/tests/ops/torch_workers_test.cpp)
