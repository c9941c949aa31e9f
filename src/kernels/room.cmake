include(cmake/Isa.cmake)
attend_room(kernels SOURCES isa.cpp fused_attention.cpp entmax.cpp logsumexp.cpp monotonic.cpp packed_linear.cpp loops.cpp packed_source.cpp additive_steps.cpp location.cpp KNOWS core)
set(loops ${PROJECT_SOURCE_DIR}/src/kernels/cpu)
attend_isa_sources(attend_kernels SOURCES ${loops}/fused_attention.isa.cpp ${loops}/fused_attention_backward.isa.cpp
                   ${loops}/logsumexp.isa.cpp ${loops}/monotonic.isa.cpp ${loops}/packed_linear.isa.cpp ${loops}/packed_linear_narrow.isa.cpp ${loops}/row_functions.isa.cpp
                   ${loops}/additive_steps.isa.cpp ${loops}/step_values.isa.cpp ${loops}/location.isa.cpp)
attend_isa_sources(attend_kernels SETS avx512_vnni SOURCES ${loops}/packed_linear_narrow.isa.cpp)
attend_isa_sources(attend_kernels SETS avx512_bf16 SOURCES ${loops}/fused_attention.isa.cpp ${loops}/fused_attention_backward.isa.cpp
                   ${loops}/packed_linear_narrow.isa.cpp)
set(tests ${PROJECT_SOURCE_DIR}/tests/kernels)
attend_test(kernels_tests KNOWS kernels LABELS unit SOURCES ${tests}/additive_loops_test.cpp ${tests}/fused_attention_test.cpp
            ${tests}/fused_attention_backward_test.cpp ${tests}/entmax_test.cpp ${tests}/logsumexp_test.cpp ${tests}/monotonic_test.cpp ${tests}/packed_linear_test.cpp
            ${tests}/rows_test.cpp ${tests}/additive_steps_test.cpp ${tests}/visited_test.cpp
            ${tests}/long_cache_test.cpp ${tests}/location_test.cpp)
if(ATTEND_BUILD_TESTS)
  attend_isa_sources(kernels_tests SOURCES ${tests}/additive_loops.isa.cpp ${tests}/counted_loops.isa.cpp)
  attend_isa_sources(kernels_tests SETS avx512_bf16 SOURCES ${tests}/counted_loops.isa.cpp)
endif()
if(ATTEND_BUILD_TESTS AND NOT ATTEND_SANITIZE)  # sanitisers add symbols of their own
  get_property(objects GLOBAL PROPERTY ATTEND_ISA_OBJECTS)
  add_test(NAME isa_objects COMMAND ${PROJECT_SOURCE_DIR}/tests/kernels/no_weak_symbols.sh ${CMAKE_NM} ${objects} COMMAND_EXPAND_LISTS)
  set_tests_properties(isa_objects PROPERTIES LABELS unit)
endif()
