include(cmake/Isa.cmake)
attend_room(kernels SOURCES isa.cpp dot_attention.cpp packed_linear.cpp KNOWS core)
attend_isa_sources(attend_kernels SOURCES ${PROJECT_SOURCE_DIR}/src/kernels/cpu/dot_attention.isa.cpp ${PROJECT_SOURCE_DIR}/src/kernels/cpu/dot_attention_backward.isa.cpp
  ${PROJECT_SOURCE_DIR}/src/kernels/cpu/packed_linear.isa.cpp)
attend_isa_sources(attend_kernels SETS portable avx2 avx512 avx512_bf16 SOURCES ${PROJECT_SOURCE_DIR}/src/kernels/cpu/packed_linear_narrow.isa.cpp)
attend_test(kernels_tests KNOWS kernels LABELS unit SOURCES ${PROJECT_SOURCE_DIR}/tests/kernels/dot_attention_test.cpp ${PROJECT_SOURCE_DIR}/tests/kernels/dot_attention_backward_test.cpp
  ${PROJECT_SOURCE_DIR}/tests/kernels/packed_linear_test.cpp)
if(ATTEND_BUILD_TESTS AND NOT ATTEND_SANITIZE)  # sanitisers add symbols of their own
  get_property(objects GLOBAL PROPERTY ATTEND_ISA_OBJECTS)
  add_test(NAME isa_objects COMMAND ${PROJECT_SOURCE_DIR}/tests/kernels/no_weak_symbols.sh ${CMAKE_NM} ${objects} COMMAND_EXPAND_LISTS)
  set_tests_properties(isa_objects PROPERTIES LABELS unit)
endif()
