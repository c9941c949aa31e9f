attend_room(layers TORCH SOURCES basic.cpp recurrent.cpp KNOWS attention)
attend_test(layers_tests TORCH KNOWS layers LABELS unit
  SOURCES ${PROJECT_SOURCE_DIR}/tests/layers/layers_test.cpp ${PROJECT_SOURCE_DIR}/tests/layers/encoder_test.cpp)
