include(cmake/Isa.cmake)
attend_room(kernels SOURCES isa.cpp dot_attention.cpp KNOWS core)
attend_isa_sources(attend_kernels ${PROJECT_SOURCE_DIR}/src/kernels/cpu/dot_attention.isa.cpp ${PROJECT_SOURCE_DIR}/src/kernels/cpu/dot_attention_backward.isa.cpp)
attend_test(kernels_tests KNOWS kernels LABELS unit SOURCES ${PROJECT_SOURCE_DIR}/tests/kernels/dot_attention_test.cpp)
