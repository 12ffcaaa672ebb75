# OpenMP starts the threads of the CPU's engine. PHASEWATT_OPENMP is its target, empty where the compiler has none: that
# engine then computes on one thread. Sanitizers are left without: an OpenMP that was not built with them raises false
# alarms.
set(PHASEWATT_OPENMP "")
if(NOT PHASEWATT_SANITIZE)
  find_package(OpenMP QUIET COMPONENTS CXX)
  if(OpenMP_CXX_FOUND)
    set(PHASEWATT_OPENMP OpenMP::OpenMP_CXX)
  endif()
endif()
if(NOT PHASEWATT_OPENMP)
  message(STATUS "phasewatt: the CPU's engine is built for one thread, without OpenMP")
endif()
