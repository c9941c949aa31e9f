# What libattend_ops.so takes too: in a unity file without the others, which need more of core than it shall hold.
set(ATTEND_OPERATOR_SOURCES dispatched.cpp entmax.cpp fused_attention.cpp fused_attention_operators.cpp monotonic.cpp packed_linear_operators.cpp register_ops.cpp row_operators.cpp)
attend_room(ops TORCH SOURCES ${ATTEND_OPERATOR_SOURCES} module.cpp recurrent.cpp cross_entropy.cpp draws.cpp dropout.cpp dropout_kernel.cpp products.cpp packed_linear.cpp additive_steps.cpp additive_attention_step.cpp location.cpp rotary.cpp rotary_kernel.cpp memory.cpp waiting.cpp KNOWS kernels LIBS LibTorch::LibTorch)
foreach(source IN ITEMS ${ATTEND_OPERATOR_SOURCES})
  set_source_files_properties(src/ops/${source} PROPERTIES UNITY_GROUP operators)
endforeach()
get_target_property(sources attend_ops SOURCES)
foreach(source IN LISTS sources)
  get_source_file_property(group ${source} UNITY_GROUP)
  if(NOT group)
    set_source_files_properties(${source} PROPERTIES UNITY_GROUP others)
  endif()
endforeach()
set_target_properties(attend_ops PROPERTIES UNITY_BUILD_MODE GROUP)
set_source_files_properties(src/ops/dropout_kernel.cpp PROPERTIES SKIP_PRECOMPILE_HEADERS ON COMPILE_OPTIONS "-O3;-fno-trapping-math;-fno-tree-sink")  # else the choice is a jump
set_source_files_properties(src/ops/rotary_kernel.cpp PROPERTIES SKIP_PRECOMPILE_HEADERS ON SKIP_UNITY_BUILD_INCLUSION ON COMPILE_OPTIONS "-O3")  # for vectors
set_source_files_properties(src/ops/waiting.cpp PROPERTIES SKIP_PRECOMPILE_HEADERS ON SKIP_UNITY_BUILD_INCLUSION ON)
target_precompile_headers(attend_ops PRIVATE ${PROJECT_SOURCE_DIR}/include/attend/ops/torch.h)
# libtorch's include folder carries an fmt of its own, which shadows the system's headers but not its library; header-only,
# each version stays in its own inline namespace.
target_compile_definitions(attend_ops PUBLIC FMT_HEADER_ONLY=1)
if(NOT ATTEND_SANITIZE)  # sanitisers would have to be loaded before Python is
  include(src/ops/python.cmake)
endif()
attend_test(ops_tests TORCH KNOWS ops LABELS unit
  SOURCES ${PROJECT_SOURCE_DIR}/tests/ops/recurrent_test.cpp ${PROJECT_SOURCE_DIR}/tests/ops/cross_entropy_test.cpp
          ${PROJECT_SOURCE_DIR}/tests/ops/draws_test.cpp ${PROJECT_SOURCE_DIR}/tests/ops/dropout_test.cpp ${PROJECT_SOURCE_DIR}/tests/ops/products_test.cpp
          ${PROJECT_SOURCE_DIR}/tests/ops/entmax_test.cpp ${PROJECT_SOURCE_DIR}/tests/ops/fused_attention_test.cpp ${PROJECT_SOURCE_DIR}/tests/ops/waiting_test.cpp
          ${PROJECT_SOURCE_DIR}/tests/ops/additive_steps_test.cpp ${PROJECT_SOURCE_DIR}/tests/ops/location_test.cpp ${PROJECT_SOURCE_DIR}/tests/ops/rotary_test.cpp ${PROJECT_SOURCE_DIR}/tests/ops/memory_test.cpp ${PROJECT_SOURCE_DIR}/tests/ops/monotonic_test.cpp ${PROJECT_SOURCE_DIR}/tests/ops/packed_linear_test.cpp ${PROJECT_SOURCE_DIR}/tests/ops/cache_rows_test.cpp ${PROJECT_SOURCE_DIR}/tests/ops/register_ops_test.cpp ${PROJECT_SOURCE_DIR}/tests/ops/torch_workers_test.cpp)
