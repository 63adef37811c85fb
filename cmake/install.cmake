# cmake --install build/release --prefix DIR makes a folder that can be moved anywhere:
#   bin/lathe   lib/lathe/*.so (every third-party library)   share/lathe/configs   share/lathe/licences
# The C and C++ run time libraries are the system's own, and so is MPI: its mpirun and its libraries must be of one kind.
# (-DLATHE_MPI=OFF builds a lathe that needs none.)
if(TARGET lathe)
  install(TARGETS lathe RUNTIME_DEPENDENCY_SET lathe_libraries RUNTIME DESTINATION bin)
  install(RUNTIME_DEPENDENCY_SET lathe_libraries
    PRE_EXCLUDE_REGEXES "^ld-linux" "^lib(c|m|dl|rt|pthread|stdc\\+\\+|gcc_s)\\.so" "^lib(mpi|open-rte|open-pal|hwloc|event|udev)"
    LIBRARY DESTINATION lib/lathe)
endif()
if(EXISTS "${CMAKE_SOURCE_DIR}/configs")
  install(DIRECTORY "${CMAKE_SOURCE_DIR}/configs" DESTINATION share/lathe)
endif()

# Licences of what is linked or compiled in, as their packages state them.
install(FILES "${CMAKE_SOURCE_DIR}/LICENSE" DESTINATION share/lathe/licences RENAME lathe)
foreach(package libdnnl2 ocl-icd-libopencl1 libgomp1 libspdlog1.10 libfmt9 libhwy1 libutf8proc2 libzstd1 zlib1g
                libcurl4 libssl3 libseccomp2 libxxhash-dev nlohmann-json3-dev libboost1.81-dev)
  if(EXISTS "/usr/share/doc/${package}/copyright")
    install(FILES "/usr/share/doc/${package}/copyright" DESTINATION share/lathe/licences RENAME "${package}")
  endif()
endforeach()
if(LATHE_PARQUET)
  file(GLOB notices "${LATHE_PYARROW}/pyarrow-*.dist-info/licenses/*.txt" "${LATHE_PYARROW}/pyarrow-*.dist-info/*LICENSE*")
  install(FILES ${notices} DESTINATION share/lathe/licences/arrow)
endif()
