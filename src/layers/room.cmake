attend_room(layers TORCH SOURCES basic.cpp recurrent.cpp act.cpp ntm.cpp attention_over_attention.cpp KNOWS attention)
set(layers_tests layers_test encoder_test act_test ntm_test attention_over_attention_test)
list(TRANSFORM layers_tests PREPEND ${PROJECT_SOURCE_DIR}/tests/layers/)
list(TRANSFORM layers_tests APPEND .cpp)
attend_test(layers_tests TORCH KNOWS layers LABELS unit SOURCES ${layers_tests})
# Each of these names its own small sizes, by the same names as the next.
foreach(test IN ITEMS act attention_over_attention ntm)
  set_source_files_properties(${PROJECT_SOURCE_DIR}/tests/layers/${test}_test.cpp PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
endforeach()
