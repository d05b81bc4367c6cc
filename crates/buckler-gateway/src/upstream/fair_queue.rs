//! A bounded queue in which nobody waits behind somebody else's hundred.
//!
//! Rules, in order:
//! 1. Each client has a first-in, first-out queue of its own; the clients take turns (fair queueing, RFC 970).
//! 2. All queues together hold so many. When they do, the client that has the most gives up its newest for one that
//!    has clearly fewer; anybody else is refused (longest-queue drop). So a full queue is no way to keep others out.
//! 3. Who leaves gives the place back at once.

use std::collections::{BTreeMap, VecDeque};

use buckler_http::connection::Client;

/// Names one place in the queue. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

/// What came of a [`push`](FairQueue::push).
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Pushed<T> {
    /// There was room.
    In(Ticket),
    /// Room was made: this one is out.
    InFor(Ticket, T),
    /// There is no room.
    Refused(T),
}

/// The queue.
#[derive(Debug)]
pub(crate) struct FairQueue<T> {
    clients: BTreeMap<Client, VecDeque<(Ticket, T)>>,
    /// Every client that has something waiting, once.
    turns: VecDeque<Client>,
    length: usize,
    bound: usize,
    next: u64,
}

impl<T> FairQueue<T> {
    pub(crate) const fn new(bound: usize) -> Self {
        Self { clients: BTreeMap::new(), turns: VecDeque::new(), length: 0, bound, next: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.length
    }

    pub(crate) fn push(&mut self, client: Client, item: T) -> Pushed<T> {
        let out = if self.length < self.bound {
            None
        } else {
            match self.make_room_for(client) {
                Some(out) => Some(out),
                None => return Pushed::Refused(item),
            }
        };
        let ticket = Ticket(self.next);
        self.next = self.next.wrapping_add(1);
        let own = self.clients.entry(client).or_default();
        if own.is_empty() {
            self.turns.push_back(client);
        }
        own.push_back((ticket, item));
        self.length = self.length.saturating_add(1);
        match out {
            None => Pushed::In(ticket),
            Some(out) => Pushed::InFor(ticket, out),
        }
    }

    /// The next one: the oldest of the client whose turn it is.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let client = self.turns.pop_front()?;
        let own = self.clients.get_mut(&client)?;
        let (_, item) = own.pop_front()?;
        if own.is_empty() {
            self.clients.remove(&client);
        } else {
            self.turns.push_back(client);
        }
        self.length = self.length.saturating_sub(1);
        Some(item)
    }

    /// Gives up a place, if it is still there.
    pub(crate) fn remove(&mut self, client: Client, ticket: Ticket) -> Option<T> {
        let own = self.clients.get_mut(&client)?;
        let place = own.binary_search_by_key(&ticket, |(ticket, _)| *ticket).ok()?;
        let (_, item) = own.remove(place)?;
        self.took_from(client);
        Some(item)
    }

    /// Everything that waits, client by client.
    pub(crate) fn clear(&mut self) -> Vec<T> {
        self.turns.clear();
        self.length = 0;
        std::mem::take(&mut self.clients).into_values().flatten().map(|(_, item)| item).collect()
    }

    /// Takes the newest of whoever has the most, if that is more than `client` would have then.
    fn make_room_for(&mut self, client: Client) -> Option<T> {
        let own = self.clients.get(&client).map_or(0, VecDeque::len);
        let (&longest, queue) = self.clients.iter_mut().max_by_key(|(_, queue)| queue.len())?;
        if own.saturating_add(1) >= queue.len() {
            return None;
        }
        let (_, item) = queue.pop_back()?;
        self.took_from(longest);
        Some(item)
    }

    /// One item of the client is gone, out of turn.
    fn took_from(&mut self, client: Client) {
        self.length = self.length.saturating_sub(1);
        if self.clients.get(&client).is_some_and(VecDeque::is_empty) {
            self.clients.remove(&client);
            self.turns.retain(|other| *other != client);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use buckler_http::connection::Peer;
    use proptest::prelude::*;

    use super::*;

    fn client(number: u8) -> Client {
        Client::from(Peer::Ip(SocketAddr::from((Ipv4Addr::new(192, 0, 2, number), 1))))
    }

    fn filled(bound: usize, who: &[u8]) -> FairQueue<(u8, usize)> {
        let mut queue = FairQueue::new(bound);
        for (at, number) in who.iter().enumerate() {
            assert!(matches!(queue.push(client(*number), (*number, at)), Pushed::In(_)));
        }
        queue
    }

    fn drained<T>(queue: &mut FairQueue<T>) -> Vec<T> {
        std::iter::from_fn(|| queue.pop()).collect()
    }

    // R08
    #[test]
    fn a_hundred_of_one_client_do_not_stand_before_one_of_another() {
        let mut who = vec![1; 100];
        who.extend([2, 3, 2]);
        let mut queue = filled(200, &who);
        let order: Vec<u8> = drained(&mut queue).into_iter().map(|(who, _)| who).collect();
        assert_eq!(order[..6], [1, 2, 3, 1, 2, 1]);
        assert_eq!(order.len(), 103);
    }

    #[test]
    fn each_client_is_served_in_the_order_in_which_it_came() {
        let mut queue = filled(9, &[1, 2, 1, 1, 2]);
        assert_eq!(drained(&mut queue), [(1, 0), (2, 1), (1, 2), (2, 4), (1, 3)]);
    }

    // R08
    #[test]
    fn a_full_queue_keeps_nobody_out_but_those_who_filled_it() {
        let mut queue = filled(4, &[1, 1, 1, 1]);
        assert_eq!(queue.push(client(1), (1, 9)), Pushed::Refused((1, 9)));
        assert!(matches!(queue.push(client(2), (2, 4)), Pushed::InFor(_, (1, 3))), "its newest");
        assert!(matches!(queue.push(client(2), (2, 5)), Pushed::InFor(_, (1, 2))));
        assert!(matches!(queue.push(client(2), (2, 6)), Pushed::Refused(_)), "they have two each");
        assert_eq!(drained(&mut queue), [(1, 0), (2, 4), (1, 1), (2, 5)]);

        let mut queue = filled(3, &[1, 2, 3]);
        assert!(matches!(queue.push(client(4), (4, 3)), Pushed::Refused(_)), "nobody has more than one");
    }

    #[test]
    fn who_leaves_gives_the_place_back() {
        let mut queue = FairQueue::new(2);
        let Pushed::In(first) = queue.push(client(1), "a") else { panic!("there was room") };
        let Pushed::In(second) = queue.push(client(1), "b") else { panic!("there was room") };
        assert_eq!(queue.remove(client(1), first), Some("a"));
        assert_eq!(queue.remove(client(1), first), None);
        assert_eq!(queue.remove(client(2), second), None);
        assert!(matches!(queue.push(client(2), "c"), Pushed::In(_)));
        assert_eq!(queue.remove(client(1), second), Some("b"));
        assert_eq!(drained(&mut queue), ["c"]);
        assert_eq!((queue.clients.len(), queue.turns.len()), (0, 0));
    }

    #[derive(Debug, Clone)]
    enum Step {
        Push(u8),
        Pop,
        Leave(usize),
        Clear,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            8 => (0..6_u8).prop_map(Step::Push),
            4 => Just(Step::Pop),
            3 => (0..64_usize).prop_map(Step::Leave),
            1 => Just(Step::Clear),
        ];
        proptest::collection::vec(step, 0..200)
    }

    proptest! {
        // R08
        #[test]
        fn it_never_loses_nor_invents_nor_exceeds(steps in steps()) {
            const BOUND: usize = 8;
            let mut queue = FairQueue::new(BOUND);
            let mut inside: Vec<(u8, Ticket, u32)> = Vec::new();
            let mut serial = 0;
            for step in steps {
                match step {
                    Step::Push(who) => {
                        serial += 1;
                        match queue.push(client(who), serial) {
                            Pushed::In(ticket) => inside.push((who, ticket, serial)),
                            Pushed::InFor(ticket, out) => {
                                let count = |who: u8| inside.iter().filter(|(other, ..)| *other == who).count();
                                let loser = inside.iter().find(|(.., item)| *item == out).unwrap().0;
                                prop_assert!(count(who) + 1 < count(loser));
                                inside.retain(|(.., item)| *item != out);
                                inside.push((who, ticket, serial));
                            }
                            Pushed::Refused(item) => {
                                prop_assert_eq!(item, serial);
                                prop_assert_eq!(inside.len(), BOUND);
                            }
                        }
                    }
                    Step::Pop => {
                        let popped = queue.pop();
                        prop_assert_eq!(popped.is_none(), inside.is_empty());
                        if let Some(item) = popped {
                            let (who, ..) = *inside.iter().find(|(.., other)| *other == item).unwrap();
                            let oldest = inside.iter().find(|(other, ..)| *other == who).unwrap().2;
                            prop_assert_eq!(item, oldest);
                            inside.retain(|(.., other)| *other != item);
                        }
                    }
                    Step::Leave(at) => {
                        if let Some((who, ticket, item)) = inside.get(at % inside.len().max(1)).copied() {
                            prop_assert_eq!(queue.remove(client(who), ticket), Some(item));
                            inside.retain(|(.., other)| *other != item);
                        }
                    }
                    Step::Clear => {
                        prop_assert_eq!(queue.clear().len(), inside.len());
                        inside.clear();
                    }
                }
                prop_assert_eq!(queue.len(), inside.len());
                prop_assert!(queue.len() <= BOUND);
                prop_assert_eq!(queue.turns.len(), queue.clients.len());
            }
        }
    }
}
