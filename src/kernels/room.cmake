include(cmake/Isa.cmake)
attend_room(kernels SOURCES isa.cpp dot_attention.cpp KNOWS core)
attend_isa_sources(attend_kernels SOURCES ${PROJECT_SOURCE_DIR}/src/kernels/cpu/dot_attention.isa.cpp ${PROJECT_SOURCE_DIR}/src/kernels/cpu/dot_attention_backward.isa.cpp
  ${PROJECT_SOURCE_DIR}/src/kernels/cpu/additive.isa.cpp)
attend_test(kernels_tests KNOWS kernels LABELS unit SOURCES ${PROJECT_SOURCE_DIR}/tests/kernels/dot_attention_test.cpp ${PROJECT_SOURCE_DIR}/tests/kernels/dot_attention_backward_test.cpp
  ${PROJECT_SOURCE_DIR}/tests/kernels/additive_loops_test.cpp)
if(ATTEND_BUILD_TESTS AND NOT ATTEND_SANITIZE)  # sanitisers add symbols of their own
  get_property(objects GLOBAL PROPERTY ATTEND_ISA_OBJECTS)
  add_test(NAME isa_objects COMMAND ${PROJECT_SOURCE_DIR}/tests/kernels/no_weak_symbols.sh ${CMAKE_NM} ${objects} COMMAND_EXPAND_LISTS)
  set_tests_properties(isa_objects PROPERTIES LABELS unit)
endif()
