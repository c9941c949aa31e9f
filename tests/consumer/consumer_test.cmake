# Installs the build, moves what was installed (a package must not depend on where it was put), builds the consumer project
# against it and runs it. Run by CTest with SOURCE_DIR, BUILD_DIR, CONFIG, COMPILER, GENERATOR, SANITIZERS and PROGRAM.
set(work ${BUILD_DIR}/consumer)
set(prefix ${work}/prefix)
file(REMOVE_RECURSE ${work})

function(run what)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "${what} failed (${result}):\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

run("installing" ${CMAKE_COMMAND} --install ${BUILD_DIR} --config ${CONFIG} --prefix ${work}/installed)
file(RENAME ${work}/installed ${prefix})

# Nothing of the build may be left in the package: folders of the checkout, warning flags, the precompiled header.
file(GLOB_RECURSE exports ${prefix}/*/attendTargets*.cmake)
if(NOT exports)
  message(FATAL_ERROR "no attendTargets.cmake under ${prefix}")
endif()
foreach(export IN LISTS exports)
  file(READ ${export} text)
  foreach(leak IN ITEMS ${SOURCE_DIR}/include ${SOURCE_DIR}/src ${BUILD_DIR} attend_flags -Wall -fpch fsanitize cmake_pch)
    string(FIND "${text}" "${leak}" place)
    if(NOT place EQUAL -1)
      message(FATAL_ERROR "${export} mentions ${leak}, which exists only in the build")
    endif()
  endforeach()
endforeach()

# The program looks for its libraries beside itself, wherever that is, and its manual came along.
if(PROGRAM)
  file(READ_ELF ${prefix}/${PROGRAM} CAPTURE_ERROR error RUNPATH runpath RPATH rpath)
  if(NOT "${runpath}${rpath}" MATCHES "^\\$ORIGIN/\\.\\./lib")
    message(FATAL_ERROR "the installed program should look in $ORIGIN/../lib first, it looks in: ${runpath}${rpath}")
  endif()
  foreach(page IN ITEMS attend.1 attend-translate.1)
    file(GLOB_RECURSE found ${prefix}/${page})
    if(NOT found)
      message(FATAL_ERROR "${page} was not installed")
    endif()
  endforeach()
endif()

set(flags)
if(SANITIZERS)
  string(REPLACE ";" "," SANITIZERS "${SANITIZERS}")
  set(flags -DCMAKE_CXX_FLAGS=-fsanitize=${SANITIZERS})
endif()
run("configuring the consumer" ${CMAKE_COMMAND} -S ${SOURCE_DIR}/tests/consumer -B ${work}/build -G ${GENERATOR}
  -DCMAKE_CXX_COMPILER=${COMPILER} -DCMAKE_BUILD_TYPE=${CONFIG} -DCMAKE_PREFIX_PATH=${prefix} ${flags})
run("building the consumer" ${CMAKE_COMMAND} --build ${work}/build)
# A model to load: a moment of training by the installed program.
run("making data" ${prefix}/${PROGRAM} data copy --out ${work}/data --pairs 50 --maximum-length 3 --symbols 4)
run("training" ${prefix}/${PROGRAM} train --tsv ${work}/data/train.tsv --out ${work}/run --threads 1 --set train.steps=3 --set model.hidden=8
  --set model.encoder_hidden=8 --set model.embedding=8)
run("the consumer" ${work}/build/consumer ${work}/run "a b")
if(NOT output MATCHES "translation: [^\n]*\n")
  message(FATAL_ERROR "the consumer should have printed 'translation: ...', got:\n${output}")
endif()
