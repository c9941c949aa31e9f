# Tests of the repository itself, not of one room.
attend_test(layout_test KNOWS core LABELS unit SOURCES ${PROJECT_SOURCE_DIR}/tests/layout_test.cpp)

# The program as its users meet it: every verb, and what it says to bad input.
if(ATTEND_BUILD_TESTS AND TARGET attend)
  file(GLOB cli_tests CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/cli/*_test.cpp)
  add_executable(cli_tests ${cli_tests})
  target_include_directories(cli_tests PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_link_libraries(cli_tests PRIVATE attend::draw attend::data attend::kernels nlohmann_json::nlohmann_json GTest::gtest GTest::gtest_main attend_flags)
  target_compile_definitions(cli_tests PRIVATE ATTEND_SOURCE_DIR="${PROJECT_SOURCE_DIR}" ATTEND_PROGRAM="$<TARGET_FILE:attend>"
    ATTEND_EXAMPLE="$<TARGET_FILE:example_translate>" ATTEND_TRAIN_EXAMPLE="$<TARGET_FILE:example_train>")
  add_dependencies(cli_tests attend example_translate example_train)
  # Most of its time is other processes'; in four parts it takes what processors there are.
  foreach(part RANGE 3)
    add_test(NAME cli_tests_${part} COMMAND cli_tests --gtest_brief=1)
    set_tests_properties(cli_tests_${part} PROPERTIES LABELS cli TIMEOUT ${ATTEND_TEST_SECONDS} COST 100 ENVIRONMENT "GTEST_TOTAL_SHARDS=4;GTEST_SHARD_INDEX=${part}")
  endforeach()
endif()

# The operators and the package as a program in Python meets them.
if(ATTEND_BUILD_TESTS AND TARGET attend_python)
  include(cmake/PythonTorch.cmake)
  attend_python_test(python_attention attention_test.py)
  attend_python_test(python_operators operators_test.py)
  attend_python_test(python_package package_test.py example_observe)
endif()
