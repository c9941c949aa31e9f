# Readers under fire: `make fuzz` by the clock, the suite and `make check` with the seeds alone. Needs no libtorch.
option(ATTEND_FUZZ "Let the readers tell the fuzzer which places an input reaches (g++)" OFF)
if(ATTEND_BUILD_TESTS)
  set(fuzz ${PROJECT_SOURCE_DIR}/tools/fuzz)
  add_executable(fuzz ${fuzz}/driver.cpp ${fuzz}/mutate.cpp ${fuzz}/make_seeds.cpp ${fuzz}/readers.cpp ${fuzz}/records.cpp
    ${fuzz}/texts.cpp ${fuzz}/formats.cpp ${PROJECT_SOURCE_DIR}/tests/record/random_record.cpp
    ${PROJECT_SOURCE_DIR}/tests/draw/samples.cpp ${PROJECT_SOURCE_DIR}/tests/draw/fontconfig.cpp)
  target_include_directories(fuzz PRIVATE ${fuzz} ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/tests)
  target_link_libraries(fuzz PRIVATE attend::draw attend::data PkgConfig::pangocairo attend_flags)
  add_test(NAME fuzz_seeds COMMAND fuzz --save ${CMAKE_CURRENT_BINARY_DIR} ${fuzz}/seeds)
  set_tests_properties(fuzz_seeds PROPERTIES LABELS unit TIMEOUT 600)
  if(ATTEND_FUZZ)
    foreach(room IN LISTS torch_free_rooms)
      target_compile_options(attend_${room} PRIVATE -fsanitize-coverage=trace-pc)
    endforeach()
  endif()
endif()
