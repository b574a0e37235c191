# tests/model: what the links and sleeping shards promise, checked over all interleavings.

structure_scripts += tests/model/models.sh
EXTRA_DIST += \
	tests/model/attach.pml \
	tests/model/chunks.pml \
	tests/model/guest.pml \
	tests/model/guest_socket.pml \
	tests/model/notice.pml \
	tests/model/policies.pml \
	tests/model/ring.pml \
	tests/model/sleep.pml \
	tests/model/slots.pml \
	tests/model/slots_end.pml \
	tests/model/watch.pml
