package authz

import "slices"

// A policy's statements are first told apart by the service that their actions are of: bit i of a statement's
// services stands for Policy.services[i]. It only ever passes over what cannot match.
const (
	anyService  = uint64(1) << 63 // "*", or NotAction
	allServices = ^uint64(0)
	maxServices = 63
)

// indexServices fills in the services of a policy and of its statements.
func (p *Policy) indexServices() {
	for i := range p.statements {
		s := &p.statements[i]
		for j := range s.actions {
			s.actions[j].bits = p.serviceBits(s.actions[j].service)
			s.services |= s.actions[j].bits
		}
		if s.notAction {
			s.services = anyService
		}
	}
	if len(p.services) > maxServices {
		p.services = nil
	}
}

// serviceBits gives the bit of a service, which is new or was seen before; all bits where they have run out.
func (p *Policy) serviceBits(service string) uint64 {
	if service == "" {
		return anyService
	}
	i := slices.Index(p.services, service)
	if i < 0 && len(p.services) <= maxServices {
		i = len(p.services)
		p.services = append(p.services, service)
	}
	if i < 0 || i >= maxServices {
		return allServices
	}
	return 1 << i
}

// servicesOf gives the bits that a request's service has in a policy.
func (ev *evaluator) servicesOf(p *Policy) uint64 {
	if p.services == nil {
		return allServices
	}
	bits := anyService
	for i, service := range p.services {
		if equalFold(ev.service, service) {
			bits |= 1 << i
		}
	}
	return bits
}
