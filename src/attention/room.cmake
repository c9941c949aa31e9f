attend_read_list(src/attention/mechanisms.def MECHANISM attention ATTEND_MECHANISMS)
attend_room(attention TORCH SOURCES mask.cpp score.cpp registry.cpp ${ATTEND_MECHANISMS_SOURCES} KNOWS ops)
attend_test(attention_tests TORCH KNOWS attention LABELS unit
  SOURCES ${PROJECT_SOURCE_DIR}/tests/attention/contract_test.cpp ${PROJECT_SOURCE_DIR}/tests/attention/mask_test.cpp
          ${PROJECT_SOURCE_DIR}/tests/attention/worked_example_test.cpp ${ATTEND_MECHANISMS_TESTS})
