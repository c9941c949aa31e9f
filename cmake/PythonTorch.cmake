# ATTEND_PYTHON: a Python that has the torch this build links to, for the tests of torch.ops.attend. Looked for in the variable itself (cache or
# environment), beside libtorch where tools/setup makes one, and last in python3. Empty, with ATTEND_PYTHON_FAULT saying why, when there is none.
set(ATTEND_PYTHON "$ENV{ATTEND_PYTHON}" CACHE FILEPATH "a Python with the torch of this build; empty: found by itself")
function(attend_find_python out fault)
  cmake_path(GET LibTorch_INCLUDE_DIR PARENT_PATH root)
  set(${fault} "no Python was found" PARENT_SCOPE)
  foreach(candidate IN ITEMS "${ATTEND_PYTHON}" ${root}/../python/bin/python python3)
    if(candidate STREQUAL "" OR (candidate MATCHES "/" AND NOT EXISTS ${candidate}))
      continue()
    endif()
    execute_process(COMMAND ${candidate} -c "import importlib.metadata as m; print(m.version('torch').split('+')[0])"
      OUTPUT_VARIABLE version OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    if(version STREQUAL LibTorch_VERSION)
      set(${out} ${candidate} PARENT_SCOPE)
      set(${fault} "" PARENT_SCOPE)
      return()
    endif()
    if(NOT version)
      set(version "none")
    endif()
    set(${fault} "${candidate} must have torch ${LibTorch_VERSION}, got ${version}; run tools/setup, or name another by ATTEND_PYTHON" PARENT_SCOPE)
  endforeach()
endfunction()
attend_find_python(ATTEND_PYTHON_WITH_TORCH ATTEND_PYTHON_FAULT)

# attend_python_test(name file [arguments...]): one CTest entry of a file of tests/python with the package `attend` to import; skipped with a
# word where no Python has torch. Its target of the same name builds what it needs.
function(attend_python_test name file)
  add_custom_target(${name} DEPENDS attend_python)
  set(source ${PROJECT_SOURCE_DIR}/tests/python/${file})
  if(ATTEND_PYTHON_WITH_TORCH)
    add_test(NAME ${name} COMMAND ${ATTEND_PYTHON_WITH_TORCH} -B -W ignore ${source} ${ARGN})
  else()
    add_test(NAME ${name} COMMAND ${CMAKE_COMMAND} -E echo "passed over: ${ATTEND_PYTHON_FAULT}")
    set_tests_properties(${name} PROPERTIES SKIP_REGULAR_EXPRESSION "passed over: ")
  endif()
  set_tests_properties(${name} PROPERTIES LABELS python TIMEOUT ${ATTEND_TEST_SECONDS} COST 90 ENVIRONMENT
    "PYTHONPATH=${ATTEND_PYTHON_PACKAGE};TORCHINDUCTOR_CACHE_DIR=${PROJECT_BINARY_DIR}/python_cache;OMP_NUM_THREADS=2")
endfunction()
