// Generated from the API's OpenAPI document by `make frontend-types`; not edited by hand.
// sha256 of the document: d84599f627a9fe0acb380c5b63bf1790bd136a0c96dc04e3664ececfa822cb23

export interface paths {
    "/api/v2/accounts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Open an account
         * @description Open an account and let the market know it. Needs scope admin and role platform_admin.
         */
        post: operations["create_account"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/accounts/{account_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Suspend or limit an account
         * @description Suspend or resume an account, or change its limits. Needs scope admin and role platform_admin.
         */
        patch: operations["change_account"];
        trace?: never;
    };
    "/api/v2/auth/api-keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the account's API keys, newest first
         * @description Keys of the caller's account that are not revoked, newest first. Needs scope keys:read.
         */
        get: operations["list_keys"];
        put?: never;
        /**
         * Make an API key
         * @description Make a key, for the caller's account or, by an administrator, for any. Needs scope keys:write.
         */
        post: operations["create_key"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/auth/api-keys/{key_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Revoke an API key
         * @description Revoke a key: here at once, everywhere within a second. Needs scope keys:write.
         */
        delete: operations["revoke_key"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/auth/me": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show who calls
         * @description The account and the rights of the key that the call came with. Needs any key.
         */
        get: operations["show_me"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/clusters/{cluster_id}/nodes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Register a node with its GPUs
         * @description Register a node in a cluster of the caller; its GPUs can be sold as soon as it is there. Needs scope providers:write and role provider.
         */
        post: operations["create_node"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/feeds": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show where the feeds are
         * @description The address of the WebSocket feeds; the endpoints are below it (docs/feeds.md). Needs any key.
         */
        get: operations["show_feeds"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/kpi/dashboard": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show the market's key figures
         * @description The key figures of the market, each with its value 24 hours before.
         *
         *         The trading volume is of the 60 minutes up to now. The other figures of trade are of 24 hours of
         *         the clock, the running one included; before that, of the 24 that ended with the hour which now
         *         was 24 hours ago. Utilisation is as of now; before that, as of the end of that hour. The average
         *         spot price is over the GPU types' spot prices as told last, each weighted by its GPUs. What the
         *         platform earns is for administrators alone.
         *          Needs scope market:read.
         */
        get: operations["show_dashboard"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/kpi/revenue": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List what leases were sold for
         * @description What leases were sold for, by day, provider or GPU type, and what the platform keeps. Needs scope admin and role platform_admin.
         */
        get: operations["list_revenue"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/kpi/utilization": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List how far GPUs were leased, by hour or day
         * @description Which part of the market's GPUs was leased at the end of each hour or day, oldest first. Needs scope admin and role platform_admin.
         */
        get: operations["list_utilization"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/market/books": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the books
         * @description The books that have had an order, by name. Needs scope market:read.
         */
        get: operations["list_books"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/market/books/{book_id}/depth": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show a book's price levels
         * @description Price levels of a book, best first; of one duration and region if they are named. Needs scope market:read.
         */
        get: operations["show_depth"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/market/books/{book_id}/halt": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Halt a book
         * @description Have a book take neither orders nor amends (H1); cancels still work. Needs scope admin and role platform_admin.
         */
        post: operations["halt_book"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/market/books/{book_id}/resume": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Resume a halted book
         * @description Have a book take orders again (H1). Needs scope admin and role platform_admin.
         */
        post: operations["resume_book"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/market/books/{book_id}/trades": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List a book's trades, newest first
         * @description Trades of a book, newest first, without accounts. Needs scope market:read.
         */
        get: operations["list_tape"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/market/catalogue": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show what can be traded
         * @description GPU types, products and regions. Needs scope market:read.
         */
        get: operations["show_catalogue"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/market/clusters": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the clusters on the market, newest first
         * @description Clusters of verified providers with their GPUs by type, newest first. Needs scope market:read.
         */
        get: operations["list_market_clusters"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/market/snapshots": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the newest snapshot of each book
         * @description The newest snapshot of each book that has one, by book. Needs scope admin and role platform_admin.
         */
        get: operations["list_snapshots"];
        put?: never;
        /**
         * Have snapshots of books written
         * @description Have a book, or every book, written to `books.snapshots`; a book without a record has none.
         *
         *         The answer comes before they are written. They are once the list of snapshots tells of one that
         *         was written at `asked_at` or later.
         *          Needs scope admin and role platform_admin.
         */
        post: operations["take_snapshots"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/nodes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the account's nodes, newest first
         * @description Nodes of the caller's account, of one cluster if it is named, newest first. Needs scope providers:read.
         */
        get: operations["list_nodes"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/nodes/{node_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show a node
         * @description A node of the caller's account. Needs scope providers:read.
         */
        get: operations["show_node"];
        put?: never;
        post?: never;
        /**
         * Remove a node
         * @description Remove a node; leases that run on it run to their end (market-rules.md K4). Needs scope providers:write and role provider.
         */
        delete: operations["remove_node"];
        options?: never;
        head?: never;
        /**
         * Rename a node, or take it into maintenance and back
         * @description Change a node's name or address, or take it into maintenance and back. Needs scope providers:write and role provider.
         */
        patch: operations["change_node"];
        trace?: never;
    };
    "/api/v2/nodes/{node_id}/key": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Exchange a node's onboarding token for its key
         * @description Exchange a node's onboarding token, sent as the key, for the key of the node; once. Needs scope nodes:enrol.
         */
        post: operations["enrol_node"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/nodes/{node_id}/pricing": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Set a node's price
         * @description Set what a node asks for its GPUs by default, and whether it is listed anew (K4). Needs scope providers:write and role provider.
         */
        put: operations["set_pricing"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/nodes/{node_id}/telemetry": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show what a node measured last
         * @description The newest readings of a node's GPUs and of the node itself. Needs scope telemetry:read.
         */
        get: operations["show_telemetry"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/orders": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the account's orders, newest first
         * @description Orders of the caller's account, newest first. Needs scope orders:read.
         */
        get: operations["list_orders"];
        put?: never;
        /**
         * Place an order
         * @description Put an order into its account's log (market-rules.md O1 to O3). Needs scope orders:write.
         */
        post: operations["place_order"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/orders/{order_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show an order
         * @description One order of the caller's account. Needs scope orders:read.
         */
        get: operations["show_order"];
        put?: never;
        post?: never;
        /**
         * Cancel an order
         * @description Close an open order (C1). Needs scope orders:write.
         */
        delete: operations["cancel_order"];
        options?: never;
        head?: never;
        /**
         * Amend an order's quantity or price
         * @description Change quantity or price of an open order (C2). Needs scope orders:write.
         */
        patch: operations["amend_order"];
        trace?: never;
    };
    "/api/v2/orders/{order_id}/explain": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Explain why an order rests
         * @description Why an order of the caller's account rests, and what would fill it; nothing is changed.
         *
         *         What an account would refuse (K1, K2) is not looked at.
         *          Needs scope orders:read.
         */
        get: operations["explain_order"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/orders/{order_id}/trades": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List an order's trades, oldest first
         * @description Trades of one order, oldest first, and none less than the order is told to have. Needs scope orders:read.
         */
        get: operations["list_trades"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/orders/match": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Close what has expired in a book
         * @description Send the book a tick and tell which orders it closed. Needs scope admin and role platform_admin.
         */
        post: operations["match_book"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/orders/preview": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Show what an order would do
         * @description What this order would do now; the log is not touched. Needs scope orders:read.
         */
        post: operations["preview_order"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/pricing/calculate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Calculate what renting GPUs would cost now
         * @description What a bid would fill and cost now if its limit were high enough; nothing is placed. Needs scope market:read.
         */
        post: operations["calculate_price"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/pricing/history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List what a GPU type cost, newest first
         * @description Windows of an index that are over, newest first. Needs scope market:read.
         */
        get: operations["list_windows"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/pricing/spot": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show what GPU types cost now
         * @description The newest prices of a GPU type, or of each that has one. Needs scope market:read.
         */
        get: operations["show_spot_prices"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/providers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List providers, newest first
         * @description Providers, of one status if it is named, newest first. Needs scope admin and role platform_admin.
         */
        get: operations["list_providers"];
        put?: never;
        /**
         * Register as a provider
         * @description Register the caller's account as a provider, once. Needs scope providers:write and role provider.
         */
        post: operations["create_provider"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/providers/{provider_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show a provider
         * @description A provider: the caller's own, or any to an administrator. Needs scope providers:read.
         */
        get: operations["show_provider"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Verify or suspend a provider
         * @description Verify or suspend a provider; only a verified one may sell. Needs scope admin and role platform_admin.
         */
        patch: operations["change_provider"];
        trace?: never;
    };
    "/api/v2/providers/{provider_id}/clusters": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Add a cluster
         * @description Add a cluster to the caller's provider. Needs scope providers:write and role provider.
         */
        post: operations["create_cluster"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/providers/me": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show the caller's provider
         * @description The provider of the caller's account. Needs scope providers:read.
         */
        get: operations["show_own_provider"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/providers/me/clusters": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the caller's clusters, newest first
         * @description Clusters of the caller's provider, newest first. Needs scope providers:read.
         */
        get: operations["list_own_clusters"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/providers/me/revenue": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List what the caller's provider earned
         * @description What the caller's provider sold leases for, by day or GPU type; the platform's fee is off. Needs scope providers:read.
         */
        get: operations["list_own_revenue"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/telemetry/{node_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List what a node measured, oldest first, reading by reading or in windows
         * @description Readings of a node between two times, or windows of them, oldest first. Needs scope telemetry:read.
         */
        get: operations["list_readings"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/telemetry/batch": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Report what a node and its GPUs measured
         * @description Put readings of one node into the log; each is accepted or refused by itself. Needs scope telemetry:write.
         */
        post: operations["add_batch"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /**
         * Accepted
         * @description It is written down, and will have its effect; it is not known yet which.
         */
        Accepted: {
            /** Detail */
            detail: string;
            /**
             * Status
             * @constant
             */
            status: "pending";
        };
        /**
         * Account
         * @description An account.
         */
        Account: {
            /**
             * Created At
             * Format: date-time
             */
            created_at: string;
            /**
             * Id
             * Format: uuid
             */
            id: string;
            limits: components["schemas"]["ToldLimits"];
            /** Name */
            name: string;
            /** Role */
            role: string;
            /** Suspended */
            suspended: boolean;
        };
        /**
         * AmendOrder
         * @description What to change of an open order (market-rules.md C2).
         */
        AmendOrderBody: {
            /**
             * Price
             * @description USD per GPU-hour, a decimal as number or string with at most 4 decimals, 0.0001 to 1000 (U1)
             * @default null
             */
            price: string | number | null;
            /**
             * Quantity
             * @description the new total, fills included: whole GPUs, a JSON integer from 1 to 65536 (U2)
             * @default null
             */
            quantity: number | null;
        };
        /**
         * Amount
         * @description So many orders, of so many GPUs together.
         */
        Amount: {
            /** Orders */
            orders: number;
            /** Quantity */
            quantity: number;
        };
        /**
         * AskedSnapshot
         * @description A snapshot that will be written.
         */
        AskedSnapshot: {
            /** Book Id */
            book_id: string;
            /**
             * Id
             * Format: uuid
             */
            id: string;
        };
        /**
         * AskedSnapshots
         * @description Snapshots that will be written.
         */
        AskedSnapshots: {
            /**
             * Asked At
             * Format: date-time
             */
            asked_at: string;
            /** Items */
            items: components["schemas"]["AskedSnapshot"][];
        };
        /**
         * Better
         * @description What rests at better prices, and is served first.
         */
        Better: {
            /** Levels */
            levels: number;
            /** Orders */
            orders: number;
            /** Quantity */
            quantity: number;
        };
        /**
         * Book
         * @description A book, in short.
         */
        Book: {
            /** Ask Quantity */
            ask_quantity: number;
            /** Best Ask */
            best_ask: string | null;
            /** Best Bid */
            best_bid: string | null;
            /** Bid Quantity */
            bid_quantity: number;
            /** Book Seq */
            book_seq: number;
            /** Id */
            id: string;
            /** Resting */
            resting: number;
            /**
             * Status
             * @enum {string}
             */
            status: "open" | "halted";
        };
        /**
         * Books
         * @description The books that have had an order, by name.
         */
        Books: {
            /** Items */
            items: components["schemas"]["Book"][];
            /** Next Cursor */
            next_cursor: string | null;
            /** Total */
            total: number;
        };
        /**
         * BookStatus
         * @description Whether a book takes orders (market-rules.md H1).
         */
        BookStatus: {
            /** Book Id */
            book_id: string;
            /** Book Seq */
            book_seq: number;
            /**
             * Status
             * @enum {string}
             */
            status: "open" | "halted";
        };
        /**
         * CalculatedPrice
         * @description What renting GPUs would cost now; null where the book has none of them to sell.
         */
        CalculatedPrice: {
            /** Avg Price */
            avg_price: string | null;
            /** Book Seq */
            book_seq: number;
            /** Duration Hours */
            duration_hours: number;
            /** Fee */
            fee: string;
            /** Fee Basis Points */
            fee_basis_points: number;
            /** Filled */
            filled: number;
            /** Gpu Type */
            gpu_type: string;
            /** Limit Price */
            limit_price: string | null;
            price_range: components["schemas"]["PriceRange"] | null;
            /** Product */
            product: string;
            /** Quantity */
            quantity: number;
            /** Region */
            region: string | null;
            /** Total */
            total: string;
            /** Unfilled */
            unfilled: number;
        };
        /**
         * CalculatePrice
         * @description GPUs that somebody thinks of renting.
         */
        CalculatePriceBody: {
            /**
             * Duration Hours
             * @description a JSON integer from 1 to 8760 (U3)
             */
            duration_hours: number;
            /**
             * Gpu Type
             * @description a gpu_type of the catalogue (B1)
             */
            gpu_type: string;
            /**
             * Product
             * @description ondemand, spot or reserved (B1)
             * @default ondemand
             * @enum {string}
             */
            product: "ondemand" | "spot" | "reserved";
            /**
             * Quantity
             * @description whole GPUs, a JSON integer from 1 to 65536 (U2)
             */
            quantity: number;
            /**
             * Region
             * @description a region of the catalogue, absent for any
             * @default null
             */
            region: string | null;
        };
        /**
         * Change
         * @description Other terms with which the order would trade at once, and how to give it them.
         */
        Change: {
            /**
             * By
             * @enum {string}
             */
            by: "amend" | "new_order";
            /** Filled */
            filled: number;
            terms: components["schemas"]["Terms"];
        };
        /**
         * ChangeAccount
         * @description What to change of an account.
         */
        ChangeAccountBody: {
            /**
             * @description an object with max_open_orders, max_notional
             * @default null
             */
            limits: components["schemas"]["Limits"] | null;
            /**
             * Suspended
             * @description true or false
             * @default null
             */
            suspended: boolean | null;
        };
        /**
         * ChangeNode
         * @description What to change of a node.
         */
        ChangeNodeBody: {
            /**
             * Hostname
             * @description 1 to 128 characters, no control characters
             * @default null
             */
            hostname: string | null;
            /**
             * Ip Address
             * @description an IPv4 or IPv6 address
             * @default null
             */
            ip_address: (string | unknown | unknown) | null;
            /**
             * Status
             * @description maintenance, or available to return to its health (K4)
             * @default null
             */
            status: ("maintenance" | "available") | null;
        };
        /**
         * ChangeProvider
         * @description The outcome of an administrator's check.
         */
        ChangeProviderBody: {
            /**
             * Status
             * @description verified or suspended
             * @enum {string}
             */
            status: "verified" | "suspended";
        };
        /**
         * Cluster
         * @description A cluster with its GPUs.
         */
        Cluster: {
            /** Available Gpus */
            available_gpus: number;
            /**
             * Created At
             * Format: date-time
             */
            created_at: string;
            /**
             * Id
             * Format: uuid
             */
            id: string;
            /** Name */
            name: string;
            /**
             * Provider Id
             * Format: uuid
             */
            provider_id: string;
            /** Region */
            region: string;
            /** Specs */
            specs: {
                [key: string]: unknown;
            };
            /** Total Gpus */
            total_gpus: number;
        };
        /**
         * Clusters
         * @description A page of clusters, newest first.
         */
        Clusters: {
            /** Items */
            items: components["schemas"]["Cluster"][];
            /** Next Cursor */
            next_cursor: string | null;
            /** Total */
            total: number;
        };
        /**
         * CreateAccount
         * @description An account to open.
         */
        CreateAccountBody: {
            /**
             * @description an object with max_open_orders, max_notional
             * @default null
             */
            limits: components["schemas"]["Limits"] | null;
            /**
             * Name
             * @description 1 to 128 characters, no control characters
             */
            name: string;
            /**
             * Role
             * @description consumer or provider
             * @enum {string}
             */
            role: "consumer" | "provider";
        };
        /**
         * CreateCluster
         * @description A cluster of a provider.
         */
        CreateClusterBody: {
            /**
             * Name
             * @description 1 to 128 characters, no control characters
             */
            name: string;
            /**
             * Region
             * @description a region of the catalogue
             */
            region: string;
            /**
             * Specs
             * @description an object of at most 16384 characters as JSON with its numbers written out, without the character U+0000 and numbers beyond a double; told back as it is
             */
            specs?: {
                [key: string]: unknown;
            };
        };
        /**
         * CreatedAccount
         * @description A new account.
         */
        CreatedAccount: {
            /**
             * Account Id
             * Format: uuid
             */
            account_id: string;
        };
        /**
         * CreatedCluster
         * @description A new cluster.
         */
        CreatedCluster: {
            /**
             * Cluster Id
             * Format: uuid
             */
            cluster_id: string;
        };
        /**
         * CreatedKey
         * @description A new API key; the key is told this once.
         */
        CreatedKey: {
            /** Key */
            key: string;
            /**
             * Key Id
             * Format: uuid
             */
            key_id: string;
            /** Prefix */
            prefix: string;
        };
        /**
         * CreatedNode
         * @description A new node; the token is told this once.
         */
        CreatedNode: {
            /**
             * Node Id
             * Format: uuid
             */
            node_id: string;
            /** Onboarding Token */
            onboarding_token: string;
        };
        /**
         * CreatedProvider
         * @description A new provider.
         */
        CreatedProvider: {
            /**
             * Provider Id
             * Format: uuid
             */
            provider_id: string;
        };
        /**
         * CreateKey
         * @description An API key to make; it never grants more than the caller has.
         */
        CreateKeyBody: {
            /**
             * Account Id
             * @description an account; for administrators only
             * @default null
             */
            account_id: string | null;
            /**
             * Expires At
             * @description a time as RFC 3339 with its offset, in the future
             * @default null
             */
            expires_at: string | null;
            /**
             * Max Order Cost
             * @description USD that a bid of this key may cost at its limit, a decimal with at most 4 decimals, 0.0001 to 10^9; any amount if absent
             * @default null
             */
            max_order_cost: string | number | null;
            /**
             * Name
             * @description 1 to 128 characters, no control characters
             */
            name: string;
            /**
             * Roles
             * @description a list of at most 16, each platform_admin, provider, consumer, developer
             * @default null
             */
            roles: ("platform_admin" | "provider" | "consumer" | "developer")[] | null;
            /**
             * Scopes
             * @description a list of at most 16, each orders:read, orders:write, market:read, providers:read, providers:write, keys:read, keys:write, telemetry:read, telemetry:write, nodes:enrol, admin
             * @default null
             */
            scopes: ("orders:read" | "orders:write" | "market:read" | "providers:read" | "providers:write" | "keys:read" | "keys:write" | "telemetry:read" | "telemetry:write" | "nodes:enrol" | "admin")[] | null;
        };
        /**
         * CreateNode
         * @description A node with its GPUs.
         */
        CreateNodeBody: {
            /**
             * Gpu Specs
             * @description a list of 1 to 1024 GPUs, one entry each
             */
            gpu_specs: components["schemas"]["GpuSpec"][];
            /**
             * Hostname
             * @description 1 to 128 characters, no control characters
             */
            hostname: string;
            /**
             * Ip Address
             * @description an IPv4 or IPv6 address
             */
            ip_address: string | unknown | unknown;
        };
        /**
         * CreateProvider
         * @description A provider to register.
         */
        CreateProviderBody: {
            /**
             * Company
             * @description 1 to 128 characters, no control characters
             */
            company: string;
            /**
             * Kyc Data
             * @description an object of at most 16384 characters as JSON with its numbers written out, without the character U+0000 and numbers beyond a double; kept for the check of identity
             */
            kyc_data: {
                [key: string]: unknown;
            };
            /**
             * Name
             * @description 1 to 128 characters, no control characters
             */
            name: string;
        };
        /**
         * Dashboard
         * @description How the market goes.
         */
        Dashboard: {
            /**
             * At
             * Format: date-time
             */
            at: string;
            kpis: components["schemas"]["KeyFigures"];
        };
        /**
         * Depth
         * @description Price levels of a book, best first.
         */
        Depth: {
            /** Asks */
            asks: components["schemas"]["Level"][];
            /** Bids */
            bids: components["schemas"]["Level"][];
            /** Book Id */
            book_id: string;
            /** Book Seq */
            book_seq: number;
        };
        /**
         * Earned
         * @description What leases were sold for: `revenue` is what their buyers pay less the platform's fee.
         */
        Earned: {
            /** Day */
            day?: string;
            /** Fee */
            fee: string;
            /** Gpu Hours */
            gpu_hours: string;
            /** Gpu Type */
            gpu_type?: string;
            /** Gpus */
            gpus: number;
            /** Gross */
            gross: string;
            /** Provider */
            provider?: string;
            /** Revenue */
            revenue: string;
            /** Trades */
            trades: number;
        };
        /**
         * Excluded
         * @description Opposite orders that a rule keeps apart; `alone` are those that nothing else does.
         */
        Excluded: {
            alone: components["schemas"]["Amount"];
            /** Orders */
            orders: number;
            /** Quantity */
            quantity: number;
        };
        /**
         * ExcludedBy
         * @description Opposite orders by what keeps them apart from the order; one may count several times.
         */
        ExcludedBy: {
            availability: components["schemas"]["Excluded"];
            duration: components["schemas"]["Excluded"];
            expired: components["schemas"]["Excluded"];
            min_fill: components["schemas"]["Excluded"];
            own_account: components["schemas"]["Excluded"];
            price: components["schemas"]["Excluded"];
            region: components["schemas"]["Excluded"];
        };
        /**
         * Explanation
         * @description Why an order rests, or why it does not; the last three are null if it does not.
         */
        Explanation: {
            /**
             * At
             * Format: date-time
             */
            at: string;
            /** Book Id */
            book_id: string | null;
            /** Book Seq */
            book_seq: number | null;
            /** Book Status */
            book_status: ("open" | "halted") | null;
            /** Code */
            code: string | null;
            /** Detail */
            detail: string | null;
            /** Explanation */
            explanation: string[];
            nearest: components["schemas"]["Nearest"] | null;
            opposite: components["schemas"]["Opposite"] | null;
            /**
             * Order Id
             * Format: uuid
             */
            order_id: string;
            position: components["schemas"]["Position"] | null;
            /** Reason */
            reason: string | null;
            /** Remaining */
            remaining: number;
            /** Rests */
            rests: boolean;
            /**
             * Status
             * @enum {string}
             */
            status: "pending" | "partial" | "filled" | "cancelled" | "rejected";
        };
        /**
         * FeedsAddress
         * @description Where the WebSocket feeds are.
         */
        FeedsAddress: {
            /** Url */
            url: string;
        };
        /**
         * Figure
         * @description A key figure: money as decimals, counts and shares as numbers; null where there is none.
         */
        Figure: {
            /** Unit */
            unit: string;
            /** Value */
            value: string | number | null;
            /** Value 24H Before */
            value_24h_before: string | number | null;
        };
        /**
         * Fill
         * @description What would trade at one price.
         */
        Fill: {
            /** Price */
            price: string;
            /** Quantity */
            quantity: number;
        };
        /**
         * Gpu
         * @description A GPU; one that is held by an ask is told as allocated, an offline one as maintenance.
         */
        Gpu: {
            /** Cuda Version */
            cuda_version: string;
            /**
             * Id
             * Format: uuid
             */
            id: string;
            /** Model */
            model: string;
            /** Pcie Slot */
            pcie_slot: string;
            /**
             * Status
             * @enum {string}
             */
            status: "available" | "allocated" | "maintenance";
            /** Vram Gb */
            vram_gb: number;
        };
        /**
         * GpusOfType
         * @description GPUs of a type in a cluster: listed ones are for sale in asks, available ones may be.
         */
        GpusOfType: {
            /** Allocated */
            allocated: number;
            /** Available */
            available: number;
            /** Gpu Type */
            gpu_type: string;
            /** Listed */
            listed: number;
            /** Total */
            total: number;
        };
        /**
         * GpuSpec
         * @description One GPU of a node.
         */
        GpuSpec: {
            /**
             * Cuda Version
             * @description 1 to 32 characters
             */
            cuda_version: string;
            /**
             * Model
             * @description a gpu_type of the catalogue, the same for all GPUs of a node
             */
            model: string;
            /**
             * Pcie Slot
             * @description 1 to 32 characters, another one for each GPU of a node
             */
            pcie_slot: string;
            /**
             * Vram Gb
             * @description GB, a JSON integer from 1 to 4096
             */
            vram_gb: number;
        };
        /**
         * Key
         * @description An API key.
         */
        Key: {
            /**
             * Account Id
             * Format: uuid
             */
            account_id: string;
            /**
             * Created At
             * Format: date-time
             */
            created_at: string;
            /** Expires At */
            expires_at: string | null;
            /**
             * Id
             * Format: uuid
             */
            id: string;
            /** Max Order Cost */
            max_order_cost: string | null;
            /** Name */
            name: string;
            /** Node Id */
            node_id: string | null;
            /** Prefix */
            prefix: string;
            /** Roles */
            roles: ("platform_admin" | "provider" | "consumer" | "developer")[];
            /** Scopes */
            scopes: ("orders:read" | "orders:write" | "market:read" | "providers:read" | "providers:write" | "keys:read" | "keys:write" | "telemetry:read" | "telemetry:write" | "nodes:enrol" | "admin")[];
        };
        /**
         * KeyFigures
         * @description The seven.
         */
        KeyFigures: {
            active_consumers: components["schemas"]["Figure"];
            active_providers: components["schemas"]["Figure"];
            avg_spot_price: components["schemas"]["Figure"];
            gpu_utilization: components["schemas"]["Figure"];
            order_fill_rate: components["schemas"]["Figure"];
            platform_revenue?: components["schemas"]["Figure"];
            trading_volume: components["schemas"]["Figure"];
        };
        /**
         * Level
         * @description A price level.
         */
        Level: {
            /** Orders */
            orders: number;
            /** Price */
            price: string;
            /** Quantity */
            quantity: number;
        };
        /**
         * Limits
         * @description What an account may have open at once (market-rules.md K1).
         */
        Limits: {
            /**
             * Max Notional
             * @description open notional of bids in USD, a decimal with at most 4 decimals, 0 (for none) to 10^9 (K1)
             * @default null
             */
            max_notional: string | number | null;
            /**
             * Max Open Orders
             * @description open orders, a JSON integer from 0 to 1000000 (K1)
             * @default null
             */
            max_open_orders: number | null;
        };
        /**
         * MarketCluster
         * @description A cluster of a verified provider, as everybody sees it.
         */
        MarketCluster: {
            /** Gpus */
            gpus: components["schemas"]["GpusOfType"][];
            /**
             * Id
             * Format: uuid
             */
            id: string;
            /** Name */
            name: string;
            /** Region */
            region: string;
        };
        /**
         * MarketClusters
         * @description A page of clusters, newest first.
         */
        MarketClusters: {
            /** Items */
            items: components["schemas"]["MarketCluster"][];
            /** Next Cursor */
            next_cursor: string | null;
            /** Total */
            total: number;
        };
        /**
         * Match
         * @description What a tick closed.
         */
        Match: {
            /** Book Id */
            book_id: string;
            /** Book Seq */
            book_seq: number;
            /** Closed */
            closed: string[];
        };
        /**
         * MatchBook
         * @description The book to send a tick to.
         */
        MatchBookBody: {
            /**
             * Book Id
             * @description a book of the catalogue, as gpu_type.product (B1)
             */
            book_id: string;
        };
        /**
         * Me
         * @description Who calls.
         */
        Me: {
            /**
             * Account Id
             * Format: uuid
             */
            account_id: string;
            /** Expires At */
            expires_at: string | null;
            /**
             * Key Id
             * Format: uuid
             */
            key_id: string;
            /** Max Order Cost */
            max_order_cost: string | null;
            /** Name */
            name: string;
            /** Node Id */
            node_id: string | null;
            /** Provider Id */
            provider_id: string | null;
            /** Role */
            role: string;
            /** Roles */
            roles: ("platform_admin" | "provider" | "consumer" | "developer")[];
            /** Scopes */
            scopes: ("orders:read" | "orders:write" | "market:read" | "providers:read" | "providers:write" | "keys:read" | "keys:write" | "telemetry:read" | "telemetry:write" | "nodes:enrol" | "admin")[];
            /** Suspended */
            suspended: boolean;
        };
        /**
         * Nearest
         * @description The nearest change of each term alone that fills; null where none was found.
         */
        Nearest: {
            as_it_is: components["schemas"]["Change"] | null;
            duration: components["schemas"]["Change"] | null;
            min_fill: components["schemas"]["Change"] | null;
            price: components["schemas"]["Change"] | null;
            quantity: components["schemas"]["Change"] | null;
            region: components["schemas"]["Change"] | null;
        };
        /**
         * Node
         * @description A node with its GPUs.
         */
        Node: {
            /** Base Price */
            base_price: string | null;
            /**
             * Cluster Id
             * Format: uuid
             */
            cluster_id: string;
            /**
             * Created At
             * Format: date-time
             */
            created_at: string;
            /** Gpus */
            gpus: components["schemas"]["Gpu"][];
            /** Hostname */
            hostname: string;
            /**
             * Id
             * Format: uuid
             */
            id: string;
            /** Ip Address */
            ip_address: string;
            /** Relist */
            relist: boolean;
            /**
             * Status
             * @enum {string}
             */
            status: "healthy" | "degraded" | "offline" | "unknown" | "maintenance";
            /** Surge Enabled */
            surge_enabled: boolean;
        };
        /**
         * Nodes
         * @description A page of nodes, newest first.
         */
        Nodes: {
            /** Items */
            items: components["schemas"]["Node"][];
            /** Next Cursor */
            next_cursor: string | null;
            /** Total */
            total: number;
        };
        /**
         * NodeTelemetry
         * @description The newest readings of a node; a GPU that never reported has none.
         */
        NodeTelemetry: {
            /** Gpus */
            gpus: components["schemas"]["NowOfGpu"][];
            node: components["schemas"]["NowOfNode"] | null;
            /**
             * Node Id
             * Format: uuid
             */
            node_id: string;
        };
        /**
         * NowOfGpu
         * @description The newest reading of a GPU.
         */
        NowOfGpu: {
            /** Age Seconds */
            age_seconds: number;
            /** Gpu Index */
            gpu_index: number;
            /** Gpu Utilization */
            gpu_utilization: number;
            /** Memory Utilization */
            memory_utilization: number;
            /** Power Draw */
            power_draw: number;
            /**
             * Status
             * @enum {string}
             */
            status: "healthy" | "degraded" | "offline";
            /** Temperature */
            temperature: number;
            /**
             * Timestamp
             * Format: date-time
             */
            timestamp: string;
        };
        /**
         * NowOfNode
         * @description The newest reading of a node itself.
         */
        NowOfNode: {
            /** Age Seconds */
            age_seconds: number;
            /** Cpu Utilization */
            cpu_utilization: number;
            /** Disk Utilization */
            disk_utilization: number;
            /** Memory Utilization */
            memory_utilization: number;
            /** Network Receive Rate */
            network_receive_rate: number;
            /** Network Send Rate */
            network_send_rate: number;
            /**
             * Timestamp
             * Format: date-time
             */
            timestamp: string;
        };
        /**
         * Opposite
         * @description The orders of the other side; at least so many, if `at_least`.
         */
        Opposite: {
            /** At Least */
            at_least: boolean;
            eligible: components["schemas"]["Amount"];
            excluded: components["schemas"]["ExcludedBy"];
            /** Orders */
            orders: number;
            /** Quantity */
            quantity: number;
        };
        /**
         * Orders
         * @description A page of orders, newest first.
         */
        Orders: {
            /** Items */
            items: components["schemas"]["ToldOrder"][];
            /** Next Cursor */
            next_cursor: string | null;
            /** Total */
            total: number;
        };
        /**
         * PlacedOrder
         * @description An order that is in the log.
         */
        PlacedOrder: {
            /**
             * Created At
             * Format: date-time
             */
            created_at: string;
            /**
             * Order Id
             * Format: uuid
             */
            order_id: string;
            /**
             * Status
             * @enum {string}
             */
            status: "pending" | "partial" | "filled" | "cancelled" | "rejected";
        };
        /**
         * PlaceOrder
         * @description An order to place (market-rules.md O1).
         */
        PlaceOrderBody: {
            /**
             * Available Until
             * @description a time as RFC 3339 with its offset, when an ask's GPUs must be back; not for a bid (E3)
             * @default null
             */
            available_until: string | null;
            /**
             * Client Order Id
             * @description 1 to 128 characters, no control characters; the same as Idempotency-Key if both are given (O2)
             * @default null
             */
            client_order_id: string | null;
            /**
             * Duration Hours
             * @description a JSON integer from 1 to 8760 (U3)
             */
            duration_hours: number;
            /**
             * Expires At
             * @description a time as RFC 3339 with its offset, in the future; only with GTD, 24 h if absent (O3)
             * @default null
             */
            expires_at: string | null;
            /**
             * Gpu Type
             * @description a gpu_type of the catalogue (B1)
             */
            gpu_type: string;
            /**
             * Min Duration Hours
             * @description a JSON integer from 0 to 8760, at most duration_hours; the shortest that an ask sells, not for a bid (E1)
             * @default 0
             */
            min_duration_hours: number;
            /**
             * Min Fill
             * @description whole GPUs, a JSON integer from 1 to 65536, at most quantity (M6)
             * @default 1
             */
            min_fill: number;
            /**
             * Post Only
             * @description true or false; not with IOC or FOK (M2)
             * @default false
             */
            post_only: boolean;
            /**
             * Price
             * @description USD per GPU-hour, a decimal as number or string with at most 4 decimals, 0.0001 to 1000 (U1)
             */
            price: string | number;
            /**
             * Product
             * @description ondemand, spot or reserved (B1)
             * @default ondemand
             * @enum {string}
             */
            product: "ondemand" | "spot" | "reserved";
            /**
             * Quantity
             * @description whole GPUs, a JSON integer from 1 to 65536 (U2)
             */
            quantity: number;
            /**
             * Region
             * @description a region of the catalogue; an ask must name one (O1)
             * @default null
             */
            region: string | null;
            /**
             * Self Trade
             * @description cancel_newest or cancel_oldest (S2)
             * @default cancel_newest
             * @enum {string}
             */
            self_trade: "cancel_newest" | "cancel_oldest";
            /**
             * Time In Force
             * @description GTC, GTD, IOC or FOK; GTD for a bid and GTC for an ask if absent (O3)
             * @default null
             */
            time_in_force: ("GTC" | "GTD" | "IOC" | "FOK") | null;
            /**
             * Type
             * @description bid or ask
             * @enum {string}
             */
            type: "bid" | "ask";
        };
        /**
         * Position
         * @description Where an order stands on its side; at least so much is ahead and better, if `at_least`.
         */
        Position: {
            /** At Least */
            at_least: boolean;
            better: components["schemas"]["Better"];
            /** Orders */
            orders: number;
            /** Orders Ahead */
            orders_ahead: number;
            /** Quantity */
            quantity: number;
            /** Quantity Ahead */
            quantity_ahead: number;
            /** Share */
            share: number;
            /** Smallest Incoming */
            smallest_incoming: number;
        };
        /**
         * Preview
         * @description What an order would do now.
         */
        Preview: {
            /** Avg Price */
            avg_price: string | null;
            /** Book Seq */
            book_seq: number;
            /** Cost */
            cost: string;
            /** Fee */
            fee: string;
            /** Fee Basis Points */
            fee_basis_points: number;
            /** Filled */
            filled: number;
            /** Fills */
            fills: components["schemas"]["Fill"][];
            /** Limit Cost */
            limit_cost: string;
            /** Refused */
            refused: string | null;
            /** Resting */
            resting: number;
        };
        /**
         * PriceHistory
         * @description A page of windows, newest first.
         */
        PriceHistory: {
            /** Items */
            items: components["schemas"]["PriceWindow"][];
            /** Next Cursor */
            next_cursor: string | null;
            /** Total */
            total: number;
        };
        /**
         * PriceIndex
         * @description The trades of one product in one window.
         */
        PriceIndex: {
            /** Avg Price */
            avg_price: string | null;
            /** Last Trade At */
            last_trade_at: string | null;
            /** Max Price */
            max_price: string | null;
            /** Min Price */
            min_price: string | null;
            /** Product */
            product: string;
            /** Quantity */
            quantity: number;
            /** Stddev */
            stddev: number;
            /** Trades */
            trades: number;
            /** Value Per Hour */
            value_per_hour: string;
        };
        /**
         * PriceRange
         * @description The lowest and the highest price of an expected fill.
         */
        PriceRange: {
            /** High */
            high: string;
            /** Low */
            low: string;
        };
        /**
         * PriceWindow
         * @description Five minutes of an index.
         */
        PriceWindow: {
            /** Avg Price */
            avg_price: string | null;
            /** Base Price */
            base_price: string | null;
            /** Gpu Type */
            gpu_type: string;
            /** Last Trade At */
            last_trade_at: string | null;
            /** Max Price */
            max_price: string | null;
            /** Min Price */
            min_price: string | null;
            /** Product */
            product: string;
            /** Quantity */
            quantity: number;
            /** Region */
            region: string | null;
            /** Spot Price */
            spot_price: string | null;
            /** Stddev */
            stddev: number;
            /** Telemetry Utilization */
            telemetry_utilization: number | null;
            /** Trades */
            trades: number;
            /** Utilization */
            utilization: number;
            /** Value Per Hour */
            value_per_hour: string;
            /** Window Seconds */
            window_seconds: number;
            /**
             * Window Start
             * Format: date-time
             */
            window_start: string;
        };
        Problem: {
            /** @description stable, for programs */
            code: string;
            /** @description for people, with value and rule */
            detail: string;
            errors: {
                pointer: string;
                rule: string;
                value: unknown;
            }[];
            status: number;
            title: string;
            /** Format: uri */
            type: string;
        };
        /**
         * Provider
         * @description A provider.
         */
        Provider: {
            /**
             * Account Id
             * Format: uuid
             */
            account_id: string;
            /** Company */
            company: string;
            /**
             * Created At
             * Format: date-time
             */
            created_at: string;
            /**
             * Id
             * Format: uuid
             */
            id: string;
            /** Name */
            name: string;
            /**
             * Status
             * @enum {string}
             */
            status: "pending_kyc" | "verified" | "suspended";
        };
        /**
         * Providers
         * @description A page of providers, newest first.
         */
        Providers: {
            /** Items */
            items: components["schemas"]["Provider"][];
            /** Next Cursor */
            next_cursor: string | null;
            /** Total */
            total: number;
        };
        /**
         * Readings
         * @description A page of readings, or of windows of them, oldest first; `step` says which.
         */
        Readings: {
            /** Metrics */
            metrics: (components["schemas"]["ToldGpuReading"] | components["schemas"]["ToldNodeReading"] | components["schemas"]["ToldWindow"])[];
            /** Next Cursor */
            next_cursor: string | null;
            /**
             * Step
             * @enum {string}
             */
            step: "raw" | "10s" | "1m";
        };
        /**
         * RefusedReading
         * @description A reading that was not taken, by its place in the batch.
         */
        RefusedReading: {
            /**
             * Code
             * @enum {string}
             */
            code: "MALFORMED" | "OUT_OF_RANGE" | "UNKNOWN_GPU" | "STALE" | "FUTURE" | "TOO_FREQUENT";
            /** Detail */
            detail: string;
            /** Index */
            index: number;
        };
        /** Revenue */
        Revenue: {
            /** Breakdown */
            breakdown: components["schemas"]["Earned"][];
            /**
             * From
             * Format: date-time
             */
            from: string;
            /**
             * To
             * Format: date-time
             */
            to: string;
            /** Total Fee */
            total_fee: string;
            /** Total Gross */
            total_gross: string;
            /** Total Revenue */
            total_revenue: string;
        };
        /**
         * SetPricing
         * @description What a node asks for its GPUs by default.
         */
        SetPricingBody: {
            /**
             * Base Price
             * @description USD per GPU-hour, a decimal as number or string with at most 4 decimals, 0.0001 to 1000 (U1)
             */
            base_price: string | number;
            /**
             * Relist
             * @description true or false: asks that its failing health was withdrawn from are listed anew once it is healthy (K4)
             * @default false
             */
            relist: boolean;
            /**
             * Surge Enabled
             * @description true or false
             * @default false
             */
            surge_enabled: boolean;
        };
        /**
         * Snapshots
         * @description The newest snapshot of each book, by book.
         */
        Snapshots: {
            /** Items */
            items: components["schemas"]["ToldSnapshot"][];
            /** Next Cursor */
            next_cursor: string | null;
            /** Total */
            total: number;
        };
        /**
         * SpotPrice
         * @description What a GPU type costs in one region, or with null in all of them together.
         */
        SpotPrice: {
            /** Allocated */
            allocated: number;
            /**
             * As Of
             * Format: date-time
             */
            as_of: string;
            /** Available */
            available: number;
            /** Base Price */
            base_price: string | null;
            /** Gpu Type */
            gpu_type: string;
            /** Held */
            held: number;
            /** Products */
            products: components["schemas"]["PriceIndex"][];
            /** Region */
            region: string | null;
            /** Spot Price */
            spot_price: string | null;
            /** Telemetry Utilization */
            telemetry_utilization: number | null;
            /** Unchanged Since */
            unchanged_since: string | null;
            /** Utilization */
            utilization: number;
            /**
             * Window Start
             * Format: date-time
             */
            window_start: string;
        };
        /**
         * SpotPrices
         * @description Prices by GPU type.
         */
        SpotPrices: {
            /** Items */
            items: components["schemas"]["SpotPrice"][];
        };
        /**
         * Statistics
         * @description Of the readings of a window; the percentile lies between the two nearest.
         */
        Statistics: {
            /** Max */
            max: number;
            /** Mean */
            mean: number;
            /** P95 */
            p95: number;
        };
        /**
         * Success
         * @description It is done.
         */
        Success: {
            /**
             * Success
             * @constant
             */
            success: true;
        };
        /**
         * TakenBatch
         * @description What became of a batch; what was accepted is in the log.
         */
        TakenBatch: {
            /** Accepted */
            accepted: number;
            /** Rejected */
            rejected: components["schemas"]["RefusedReading"][];
        };
        /**
         * TakeSnapshots
         * @description The book to take a snapshot of.
         */
        TakeSnapshotsBody: {
            /**
             * Book Id
             * @description a book of the catalogue, as gpu_type.product (B1); absent for every book
             * @default null
             */
            book_id: string | null;
        };
        /**
         * Tape
         * @description A page of a book's trades, newest first.
         */
        Tape: {
            /** Items */
            items: components["schemas"]["TapeTrade"][];
            /** Next Cursor */
            next_cursor: string | null;
            /** Total */
            total: number;
        };
        /**
         * TapeTrade
         * @description A trade, as everybody sees it.
         */
        TapeTrade: {
            /** Aggressor */
            aggressor: string;
            /** Book Id */
            book_id: string;
            /** Book Seq */
            book_seq: number;
            /** Duration Hours */
            duration_hours: number;
            /**
             * Executed At
             * Format: date-time
             */
            executed_at: string;
            /**
             * Id
             * Format: uuid
             */
            id: string;
            /** Price */
            price: string;
            /** Quantity */
            quantity: number;
            /** Region */
            region: string;
        };
        /**
         * TelemetryBatch
         * @description Readings of one node; each of them is judged by itself.
         */
        TelemetryBatchBody: {
            /**
             * Metrics
             * @description a list of 1 to 20000 readings: of a GPU (gpu_index, timestamp, gpu_utilization, memory_utilization, temperature, power_draw, status) or of the node itself (timestamp, cpu_utilization, memory_utilization, disk_utilization, network_receive_rate, network_send_rate)
             */
            metrics: unknown[];
            /**
             * Node Id
             * @description the node that reports
             */
            node_id: string;
        };
        /**
         * Terms
         * @description Fields of an order that are changed.
         */
        Terms: {
            /** Duration Hours */
            duration_hours?: number;
            /** Min Duration Hours */
            min_duration_hours?: number;
            /** Min Fill */
            min_fill?: number;
            /** Post Only */
            post_only?: boolean;
            /** Price */
            price?: string;
            /** Quantity */
            quantity?: number;
            /** Region */
            region?: string;
        };
        /**
         * ToldCatalogue
         * @description What can be traded.
         */
        ToldCatalogue: {
            /** Gpu Types */
            gpu_types: string[];
            /** Products */
            products: string[];
            /** Regions */
            regions: string[];
        };
        /**
         * ToldGpuReading
         * @description What a GPU measured.
         */
        ToldGpuReading: {
            /** Gpu Index */
            gpu_index: number;
            /** Gpu Utilization */
            gpu_utilization: number;
            /** Memory Utilization */
            memory_utilization: number;
            /** Power Draw */
            power_draw: number;
            /**
             * Status
             * @enum {string}
             */
            status: "healthy" | "degraded" | "offline";
            /** Temperature */
            temperature: number;
            /**
             * Timestamp
             * Format: date-time
             */
            timestamp: string;
        };
        /**
         * ToldKeys
         * @description A page of API keys, newest first.
         */
        ToldKeys: {
            /** Items */
            items: components["schemas"]["Key"][];
            /** Next Cursor */
            next_cursor: string | null;
            /** Total */
            total: number;
        };
        /**
         * ToldLimits
         * @description What an account may have open; no max_notional means no limit.
         */
        ToldLimits: {
            /** Max Notional */
            max_notional: string | null;
            /** Max Open Orders */
            max_open_orders: number;
        };
        /**
         * ToldNodeReading
         * @description What a node measured of itself.
         */
        ToldNodeReading: {
            /** Cpu Utilization */
            cpu_utilization: number;
            /** Disk Utilization */
            disk_utilization: number;
            /** Memory Utilization */
            memory_utilization: number;
            /** Network Receive Rate */
            network_receive_rate: number;
            /** Network Send Rate */
            network_send_rate: number;
            /**
             * Timestamp
             * Format: date-time
             */
            timestamp: string;
        };
        /**
         * ToldOrder
         * @description An order. One that its account refused may have null where nothing is known any more.
         */
        ToldOrder: {
            /**
             * Account Id
             * Format: uuid
             */
            account_id: string;
            /** Available Until */
            available_until: string | null;
            /** Avg Price */
            avg_price: string | null;
            /** Book Id */
            book_id: string | null;
            /** Book Seq */
            book_seq: number | null;
            /** Code */
            code: string | null;
            /**
             * Created At
             * Format: date-time
             */
            created_at: string;
            /** Detail */
            detail: string | null;
            /** Duration Hours */
            duration_hours: number | null;
            /** Expires At */
            expires_at: string | null;
            /** Filled Quantity */
            filled_quantity: number;
            /** Gpu Type */
            gpu_type: string | null;
            /**
             * Id
             * Format: uuid
             */
            id: string;
            /** Min Duration Hours */
            min_duration_hours: number;
            /** Min Fill */
            min_fill: number;
            /** Post Only */
            post_only: boolean;
            /** Price */
            price: string | null;
            /** Product */
            product: string | null;
            /** Quantity */
            quantity: number | null;
            /** Reason */
            reason: string | null;
            /** Region */
            region: string | null;
            /** Remaining */
            remaining: number;
            /** Self Trade */
            self_trade: string | null;
            /**
             * Status
             * @enum {string}
             */
            status: "pending" | "partial" | "filled" | "cancelled" | "rejected";
            /** Time In Force */
            time_in_force: string | null;
            /** Type */
            type: ("bid" | "ask") | null;
            /**
             * Updated At
             * Format: date-time
             */
            updated_at: string;
        };
        /**
         * ToldSnapshot
         * @description A snapshot of a book that is written, and the place in the book's log that it stands for.
         */
        ToldSnapshot: {
            /** Book Id */
            book_id: string;
            /** Book Seq */
            book_seq: number;
            /** Code */
            code: string;
            /** Hash */
            hash: string;
            /**
             * Id
             * Format: uuid
             */
            id: string;
            /** Offset */
            offset: number;
            /** Partition */
            partition: number;
            /** Parts */
            parts: number;
            /** Resting */
            resting: number;
            /**
             * Written At
             * Format: date-time
             */
            written_at: string;
        };
        /**
         * ToldTrade
         * @description A trade, as a party to it sees it.
         */
        ToldTrade: {
            /** Book Id */
            book_id: string;
            /**
             * Buyer Id
             * Format: uuid
             */
            buyer_id: string;
            /** Cost */
            cost: string;
            /** Duration Hours */
            duration_hours: number;
            /**
             * Executed At
             * Format: date-time
             */
            executed_at: string;
            /** Gpu Type */
            gpu_type: string;
            /**
             * Id
             * Format: uuid
             */
            id: string;
            /**
             * Order Id
             * Format: uuid
             */
            order_id: string;
            /** Price */
            price: string;
            /** Product */
            product: string;
            /** Quantity */
            quantity: number;
            /** Region */
            region: string;
            /**
             * Seller Id
             * Format: uuid
             */
            seller_id: string;
            /**
             * Type
             * @enum {string}
             */
            type: "bid" | "ask";
        };
        /**
         * ToldWindow
         * @description What the readings of a window of time say of all GPUs of a node.
         */
        ToldWindow: {
            gpu_utilization: components["schemas"]["Statistics"];
            memory_utilization: components["schemas"]["Statistics"];
            power_draw: components["schemas"]["Statistics"];
            /** Samples */
            samples: number;
            temperature: components["schemas"]["Statistics"];
            /**
             * Timestamp
             * Format: date-time
             */
            timestamp: string;
        };
        /**
         * Trades
         * @description A page of an order's trades, oldest first.
         */
        Trades: {
            /** Next Cursor */
            next_cursor: string | null;
            /** Trades */
            trades: components["schemas"]["ToldTrade"][];
        };
        /**
         * UsedGpus
         * @description GPUs by state at the end of a step; `utilization` is the part that was leased.
         */
        UsedGpus: {
            /** Allocated */
            allocated: number;
            /**
             * At
             * Format: date-time
             */
            at: string;
            /** Available */
            available: number;
            /** Held */
            held: number;
            /** Utilization */
            utilization: number | null;
        };
        /**
         * Utilization
         * @description How far GPUs were leased, oldest first; `at` is when a step began.
         */
        Utilization: {
            /** Items */
            items: components["schemas"]["UsedGpus"][];
            /**
             * Step
             * @enum {string}
             */
            step: "hour" | "day";
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    create_account: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateAccountBody"];
            };
        };
        responses: {
            /** @description Made */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreatedAccount"];
                };
            };
            /** @description Written down; its effect is to come */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreatedAccount"];
                };
            };
            /** @description The body is not JSON */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No API key, or none that is known */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path has not this method */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is not application/json */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Fields are wrong; every one is named */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too much at once; nothing was done */
            429: {
                headers: {
                    /** @description the policy that is used up, and the seconds until there is more (draft-ietf-httpapi-ratelimit-headers-10); with other answers, what is left */
                    RateLimit?: string;
                    /** @description quota and window of the key and of its account */
                    "RateLimit-Policy"?: string;
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A fault of the server */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A server that is needed is away */
            503: {
                headers: {
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    change_account: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                account_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ChangeAccountBody"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Account"];
                };
            };
            /** @description Written down; its effect is to come */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Account"];
                };
            };
            /** @description The body is not JSON */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No API key, or none that is known */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description There is no such thing of this account */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path has not this method */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is not application/json */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Fields are wrong; every one is named */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too much at once; nothing was done */
            429: {
                headers: {
                    /** @description the policy that is used up, and the seconds until there is more (draft-ietf-httpapi-ratelimit-headers-10); with other answers, what is left */
                    RateLimit?: string;
                    /** @description quota and window of the key and of its account */
                    "RateLimit-Policy"?: string;
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A fault of the server */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A server that is needed is away */
            503: {
                headers: {
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_keys: {
        parameters: {
            query?: {
                /** @description next_cursor of the page before */
                cursor?: string;
                /** @description an integer from 1 to 1000 */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ToldKeys"];
                };
            };
            /** @description No API key, or none that is known */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path has not this method */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Fields are wrong; every one is named */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too much at once; nothing was done */
            429: {
                headers: {
                    /** @description the policy that is used up, and the seconds until there is more (draft-ietf-httpapi-ratelimit-headers-10); with other answers, what is left */
                    RateLimit?: string;
                    /** @description quota and window of the key and of its account */
                    "RateLimit-Policy"?: string;
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A fault of the server */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A server that is needed is away */
            503: {
                headers: {
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    create_key: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateKeyBody"];
            };
        };
        responses: {
            /** @description Made */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreatedKey"];
                };
            };
            /** @description The body is not JSON */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No API key, or none that is known */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description There is no such thing of this account */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path has not this method */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is not application/json */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Fields are wrong; every one is named */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too much at once; nothing was done */
            429: {
                headers: {
                    /** @description the policy that is used up, and the seconds until there is more (draft-ietf-httpapi-ratelimit-headers-10); with other answers, what is left */
                    RateLimit?: string;
                    /** @description quota and window of the key and of its account */
                    "RateLimit-Policy"?: string;
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A fault of the server */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A server that is needed is away */
            503: {
                headers: {
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    revoke_key: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                key_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Success"];
                };
            };
            /** @description No API key, or none that is known */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description There is no such thing of this account */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path has not this method */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Fields are wrong; every one is named */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too much at once; nothing was done */
            429: {
                headers: {
                    /** @description the policy that is used up, and the seconds until there is more (draft-ietf-httpapi-ratelimit-headers-10); with other answers, what is left */
                    RateLimit?: string;
                    /** @description quota and window of the key and of its account */
                    "RateLimit-Policy"?: string;
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A fault of the server */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A server that is needed is away */
            503: {
                headers: {
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    show_me: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Me"];
                };
            };
            /** @description No API key, or none that is known */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path has not this method */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Fields are wrong; every one is named */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too much at once; nothing was done */
            429: {
                headers: {
                    /** @description the policy that is used up, and the seconds until there is more (draft-ietf-httpapi-ratelimit-headers-10); with other answers, what is left */
                    RateLimit?: string;
                    /** @description quota and window of the key and of its account */
                    "RateLimit-Policy"?: string;
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A fault of the server */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A server that is needed is away */
            503: {
                headers: {
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    create_node: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                cluster_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateNodeBody"];
            };
        };
        responses: {
            /** @description Made */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreatedNode"];
                };
            };
            /** @description Written down; its effect is to come */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreatedNode"];
                };
            };
            /** @description The body is not JSON */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No API key, or none that is known */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description There is no such thing of this account */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path has not this method */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is not application/json */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Fields are wrong; every one is named */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too much at once; nothing was done */
            429: {
                headers: {
                    /** @description the policy that is used up, and the seconds until there is more (draft-ietf-httpapi-ratelimit-headers-10); with other answers, what is left */
                    RateLimit?: string;
                    /** @description quota and window of the key and of its account */
                    "RateLimit-Policy"?: string;
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A fault of the server */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A server that is needed is away */
            503: {
                headers: {
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    show_feeds: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FeedsAddress"];
                };
            };
            /** @description No API key, or none that is known */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path has not this method */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Fields are wrong; every one is named */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too much at once; nothing was done */
            429: {
                headers: {
                    /** @description the policy that is used up, and the seconds until there is more (draft-ietf-httpapi-ratelimit-headers-10); with other answers, what is left */
                    RateLimit?: string;
                    /** @description quota and window of the key and of its account */
                    "RateLimit-Policy"?: string;
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A fault of the server */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A server that is needed is away */
            503: {
                headers: {
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    show_dashboard: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Dashboard"];
                    "text/csv": string;
                };
            };
            /** @description No API key, or none that is known */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path has not this method */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Fields are wrong; every one is named */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too much at once; nothing was done */
            429: {
                headers: {
                    /** @description the policy that is used up, and the seconds until there is more (draft-ietf-httpapi-ratelimit-headers-10); with other answers, what is left */
                    RateLimit?: string;
                    /** @description quota and window of the key and of its account */
                    "RateLimit-Policy"?: string;
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A fault of the server */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A server that is needed is away */
            503: {
                headers: {
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_revenue: {
        parameters: {
            query?: {
                /** @description day, provider or gpu_type */
                by?: "day" | "provider" | "gpu_type";
                /** @description a whole day: such as 2026-11-24, or its beginning, 0 h UTC, in RFC 3339 with its offset, or ms since 1970 */
                from?: unknown;
                /** @description a whole day: such as 2026-11-24, or its beginning, 0 h UTC, in RFC 3339 with its offset, or ms since 1970; not included; the end of the running day if absent */
                to?: unknown;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Revenue"];
                    "text/csv": string;
                };
            };
            /** @description No API key, or none that is known */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path has not this method */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Fields are wrong; every one is named */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too much at once; nothing was done */
            429: {
                headers: {
                    /** @description the policy that is used up, and the seconds until there is more (draft-ietf-httpapi-ratelimit-headers-10); with other answers, what is left */
                    RateLimit?: string;
                    /** @description quota and window of the key and of its account */
                    "RateLimit-Policy"?: string;
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A fault of the server */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A server that is needed is away */
            503: {
                headers: {
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_utilization: {
        parameters: {
            query?: {
                /** @description a whole hour: RFC 3339 with its offset, or ms since 1970, or a day such as 2026-11-24, which begins at 0 h UTC */
                from?: unknown;
                /** @description a GPU type of the catalogue */
                gpu_type?: string;
                /** @description a region of the catalogue */
                region?: string;
                /** @description hour or day */
                step?: "hour" | "day";
                /** @description a whole hour: RFC 3339 with its offset, or ms since 1970, or a day such as 2026-11-24, which begins at 0 h UTC; not included; the end of the running hour if absent */
                to?: unknown;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Utilization"];
                    "text/csv": string;
                };
            };
            /** @description No API key, or none that is known */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path has not this method */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Fields are wrong; every one is named */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too much at once; nothing was done */
            429: {
                headers: {
                    /** @description the policy that is used up, and the seconds until there is more (draft-ietf-httpapi-ratelimit-headers-10); with other answers, what is left */
                    RateLimit?: string;
                    /** @description quota and window of the key and of its account */
                    "RateLimit-Policy"?: string;
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A fault of the server */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A server that is needed is away */
            503: {
                headers: {
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_books: {
        parameters: {
            query?: {
                /** @description next_cursor of the page before */
                cursor?: string;
                /** @description an integer from 1 to 1000 */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Books"];
                };
            };
            /** @description No API key, or none that is known */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path has not this method */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Fields are wrong; every one is named */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too much at once; nothing was done */
            429: {
                headers: {
                    /** @description the policy that is used up, and the seconds until there is more (draft-ietf-httpapi-ratelimit-headers-10); with other answers, what is left */
                    RateLimit?: string;
                    /** @description quota and window of the key and of its account */
                    "RateLimit-Policy"?: string;
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A fault of the server */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A server that is needed is away */
            503: {
                headers: {
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    show_depth: {
        parameters: {
            query?: {
                /** @description an integer from 1 to 8760 */
                duration_hours?: number;
                /** @description an integer from 1 to 1000 */
                levels?: number;
                /** @description a region of the catalogue */
                region?: string;
            };
            header?: never;
            path: {
                book_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Depth"];
                };
            };
            /** @description No API key, or none that is known */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description There is no such thing of this account */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path has not this method */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Fields are wrong; every one is named */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too much at once; nothing was done */
            429: {
                headers: {
                    /** @description the policy that is used up, and the seconds until there is more (draft-ietf-httpapi-ratelimit-headers-10); with other answers, what is left */
                    RateLimit?: string;
                    /** @description quota and window of the key and of its account */
                    "RateLimit-Policy"?: string;
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A fault of the server */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A server that is needed is away */
            503: {
                headers: {
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    halt_book: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                book_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BookStatus"];
                };
            };
            /** @description Written down; its effect is to come */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Accepted"];
                };
            };
            /** @description No API key, or none that is known */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description There is no such thing of this account */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path has not this method */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Fields are wrong; every one is named */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too much at once; nothing was done */
            429: {
                headers: {
                    /** @description the policy that is used up, and the seconds until there is more (draft-ietf-httpapi-ratelimit-headers-10); with other answers, what is left */
                    RateLimit?: string;
                    /** @description quota and window of the key and of its account */
                    "RateLimit-Policy"?: string;
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A fault of the server */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A server that is needed is away */
            503: {
                headers: {
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    resume_book: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                book_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BookStatus"];
                };
            };
            /** @description Written down; its effect is to come */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Accepted"];
                };
            };
            /** @description No API key, or none that is known */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description There is no such thing of this account */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path has not this method */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Fields are wrong; every one is named */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too much at once; nothing was done */
            429: {
                headers: {
                    /** @description the policy that is used up, and the seconds until there is more (draft-ietf-httpapi-ratelimit-headers-10); with other answers, what is left */
                    RateLimit?: string;
                    /** @description quota and window of the key and of its account */
                    "RateLimit-Policy"?: string;
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A fault of the server */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A server that is needed is away */
            503: {
                headers: {
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_tape: {
        parameters: {
            query?: {
                /** @description next_cursor of the page before */
                cursor?: string;
                /** @description an integer from 1 to 1000 */
                limit?: number;
            };
            header?: never;
            path: {
                book_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Tape"];
                };
            };
            /** @description No API key, or none that is known */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description There is no such thing of this account */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path has not this method */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Fields are wrong; every one is named */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too much at once; nothing was done */
            429: {
                headers: {
                    /** @description the policy that is used up, and the seconds until there is more (draft-ietf-httpapi-ratelimit-headers-10); with other answers, what is left */
                    RateLimit?: string;
                    /** @description quota and window of the key and of its account */
                    "RateLimit-Policy"?: string;
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A fault of the server */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A server that is needed is away */
            503: {
                headers: {
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    show_catalogue: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ToldCatalogue"];
                };
            };
            /** @description No API key, or none that is known */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path has not this method */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Fields are wrong; every one is named */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too much at once; nothing was done */
            429: {
                headers: {
                    /** @description the policy that is used up, and the seconds until there is more (draft-ietf-httpapi-ratelimit-headers-10); with other answers, what is left */
                    RateLimit?: string;
                    /** @description quota and window of the key and of its account */
                    "RateLimit-Policy"?: string;
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A fault of the server */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A server that is needed is away */
            503: {
                headers: {
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_market_clusters: {
        parameters: {
            query?: {
                /** @description next_cursor of the page before */
                cursor?: string;
                /** @description a gpu_type of the catalogue (B1) */
                gpu_type?: string;
                /** @description an integer from 1 to 1000 */
                limit?: number;
                /** @description a region of the catalogue */
                region?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MarketClusters"];
                };
            };
            /** @description No API key, or none that is known */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path has not this method */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Fields are wrong; every one is named */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too much at once; nothing was done */
            429: {
                headers: {
                    /** @description the policy that is used up, and the seconds until there is more (draft-ietf-httpapi-ratelimit-headers-10); with other answers, what is left */
                    RateLimit?: string;
                    /** @description quota and window of the key and of its account */
                    "RateLimit-Policy"?: string;
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A fault of the server */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A server that is needed is away */
            503: {
                headers: {
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_snapshots: {
        parameters: {
            query?: {
                /** @description next_cursor of the page before */
                cursor?: string;
                /** @description an integer from 1 to 1000 */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Snapshots"];
                };
            };
            /** @description No API key, or none that is known */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path has not this method */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Fields are wrong; every one is named */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too much at once; nothing was done */
            429: {
                headers: {
                    /** @description the policy that is used up, and the seconds until there is more (draft-ietf-httpapi-ratelimit-headers-10); with other answers, what is left */
                    RateLimit?: string;
                    /** @description quota and window of the key and of its account */
                    "RateLimit-Policy"?: string;
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A fault of the server */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A server that is needed is away */
            503: {
                headers: {
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    take_snapshots: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TakeSnapshotsBody"];
            };
        };
        responses: {
            /** @description Written down; its effect is to come */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AskedSnapshots"];
                };
            };
            /** @description The body is not JSON */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No API key, or none that is known */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path has not this method */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is not application/json */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Fields are wrong; every one is named */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too much at once; nothing was done */
            429: {
                headers: {
                    /** @description the policy that is used up, and the seconds until there is more (draft-ietf-httpapi-ratelimit-headers-10); with other answers, what is left */
                    RateLimit?: string;
                    /** @description quota and window of the key and of its account */
                    "RateLimit-Policy"?: string;
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A fault of the server */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A server that is needed is away */
            503: {
                headers: {
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_nodes: {
        parameters: {
            query?: {
                /** @description a cluster of the caller */
                cluster_id?: string;
                /** @description next_cursor of the page before */
                cursor?: string;
                /** @description an integer from 1 to 1000 */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Nodes"];
                };
            };
            /** @description No API key, or none that is known */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description There is no such thing of this account */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path has not this method */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Fields are wrong; every one is named */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too much at once; nothing was done */
            429: {
                headers: {
                    /** @description the policy that is used up, and the seconds until there is more (draft-ietf-httpapi-ratelimit-headers-10); with other answers, what is left */
                    RateLimit?: string;
                    /** @description quota and window of the key and of its account */
                    "RateLimit-Policy"?: string;
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A fault of the server */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A server that is needed is away */
            503: {
                headers: {
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    show_node: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                node_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Node"];
                };
            };
            /** @description No API key, or none that is known */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description There is no such thing of this account */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path has not this method */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Fields are wrong; every one is named */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too much at once; nothing was done */
            429: {
                headers: {
                    /** @description the policy that is used up, and the seconds until there is more (draft-ietf-httpapi-ratelimit-headers-10); with other answers, what is left */
                    RateLimit?: string;
                    /** @description quota and window of the key and of its account */
                    "RateLimit-Policy"?: string;
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A fault of the server */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A server that is needed is away */
            503: {
                headers: {
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    remove_node: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                node_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Success"];
                };
            };
            /** @description Written down; its effect is to come */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Success"];
                };
            };
            /** @description No API key, or none that is known */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description There is no such thing of this account */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path has not this method */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Fields are wrong; every one is named */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too much at once; nothing was done */
            429: {
                headers: {
                    /** @description the policy that is used up, and the seconds until there is more (draft-ietf-httpapi-ratelimit-headers-10); with other answers, what is left */
                    RateLimit?: string;
                    /** @description quota and window of the key and of its account */
                    "RateLimit-Policy"?: string;
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A fault of the server */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A server that is needed is away */
            503: {
                headers: {
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    change_node: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                node_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ChangeNodeBody"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Node"];
                };
            };
            /** @description Written down; its effect is to come */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Node"];
                };
            };
            /** @description The body is not JSON */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No API key, or none that is known */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description There is no such thing of this account */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path has not this method */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is not application/json */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Fields are wrong; every one is named */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too much at once; nothing was done */
            429: {
                headers: {
                    /** @description the policy that is used up, and the seconds until there is more (draft-ietf-httpapi-ratelimit-headers-10); with other answers, what is left */
                    RateLimit?: string;
                    /** @description quota and window of the key and of its account */
                    "RateLimit-Policy"?: string;
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A fault of the server */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A server that is needed is away */
            503: {
                headers: {
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    enrol_node: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                node_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Made */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreatedKey"];
                };
            };
            /** @description No API key, or none that is known */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description There is no such thing of this account */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path has not this method */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused, with the code of the market or the registry */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Fields are wrong; every one is named */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too much at once; nothing was done */
            429: {
                headers: {
                    /** @description the policy that is used up, and the seconds until there is more (draft-ietf-httpapi-ratelimit-headers-10); with other answers, what is left */
                    RateLimit?: string;
                    /** @description quota and window of the key and of its account */
                    "RateLimit-Policy"?: string;
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A fault of the server */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A server that is needed is away */
            503: {
                headers: {
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    set_pricing: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                node_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SetPricingBody"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Success"];
                };
            };
            /** @description Written down; its effect is to come */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Success"];
                };
            };
            /** @description The body is not JSON */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No API key, or none that is known */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description There is no such thing of this account */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path has not this method */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is not application/json */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Fields are wrong; every one is named */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too much at once; nothing was done */
            429: {
                headers: {
                    /** @description the policy that is used up, and the seconds until there is more (draft-ietf-httpapi-ratelimit-headers-10); with other answers, what is left */
                    RateLimit?: string;
                    /** @description quota and window of the key and of its account */
                    "RateLimit-Policy"?: string;
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A fault of the server */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A server that is needed is away */
            503: {
                headers: {
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    show_telemetry: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                node_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NodeTelemetry"];
                };
            };
            /** @description No API key, or none that is known */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description There is no such thing of this account */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path has not this method */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Fields are wrong; every one is named */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too much at once; nothing was done */
            429: {
                headers: {
                    /** @description the policy that is used up, and the seconds until there is more (draft-ietf-httpapi-ratelimit-headers-10); with other answers, what is left */
                    RateLimit?: string;
                    /** @description quota and window of the key and of its account */
                    "RateLimit-Policy"?: string;
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A fault of the server */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A server that is needed is away */
            503: {
                headers: {
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_orders: {
        parameters: {
            query?: {
                /** @description next_cursor of the page before */
                cursor?: string;
                /** @description an integer from 1 to 1000 */
                limit?: number;
                /** @description active (pending and partial), pending, partial, filled, cancelled, rejected */
                status?: "active" | "pending" | "partial" | "filled" | "cancelled" | "rejected";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Orders"];
                };
            };
            /** @description No API key, or none that is known */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path has not this method */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Fields are wrong; every one is named */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too much at once; nothing was done */
            429: {
                headers: {
                    /** @description the policy that is used up, and the seconds until there is more (draft-ietf-httpapi-ratelimit-headers-10); with other answers, what is left */
                    RateLimit?: string;
                    /** @description quota and window of the key and of its account */
                    "RateLimit-Policy"?: string;
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A fault of the server */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A server that is needed is away */
            503: {
                headers: {
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    place_order: {
        parameters: {
            query?: never;
            header?: {
                /** @description the client's key of this order: sent again, it is the same order */
                "Idempotency-Key"?: string;
                /** @description wait=N: answer with the decision, waiting at most N (up to 5) seconds */
                Prefer?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PlaceOrderBody"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ToldOrder"];
                };
            };
            /** @description Written down; its effect is to come */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PlacedOrder"];
                };
            };
            /** @description The body is not JSON */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No API key, or none that is known */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path has not this method */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused, with the code of the market or the registry */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is not application/json */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Fields are wrong; every one is named */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too much at once; nothing was done */
            429: {
                headers: {
                    /** @description the policy that is used up, and the seconds until there is more (draft-ietf-httpapi-ratelimit-headers-10); with other answers, what is left */
                    RateLimit?: string;
                    /** @description quota and window of the key and of its account */
                    "RateLimit-Policy"?: string;
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A fault of the server */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A server that is needed is away */
            503: {
                headers: {
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    show_order: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                order_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ToldOrder"];
                };
            };
            /** @description No API key, or none that is known */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description There is no such thing of this account */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path has not this method */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Fields are wrong; every one is named */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too much at once; nothing was done */
            429: {
                headers: {
                    /** @description the policy that is used up, and the seconds until there is more (draft-ietf-httpapi-ratelimit-headers-10); with other answers, what is left */
                    RateLimit?: string;
                    /** @description quota and window of the key and of its account */
                    "RateLimit-Policy"?: string;
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A fault of the server */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A server that is needed is away */
            503: {
                headers: {
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    cancel_order: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                order_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Success"];
                };
            };
            /** @description Written down; its effect is to come */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Accepted"];
                };
            };
            /** @description No API key, or none that is known */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description There is no such thing of this account */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path has not this method */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused, with the code of the market or the registry */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Fields are wrong; every one is named */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too much at once; nothing was done */
            429: {
                headers: {
                    /** @description the policy that is used up, and the seconds until there is more (draft-ietf-httpapi-ratelimit-headers-10); with other answers, what is left */
                    RateLimit?: string;
                    /** @description quota and window of the key and of its account */
                    "RateLimit-Policy"?: string;
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A fault of the server */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A server that is needed is away */
            503: {
                headers: {
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    amend_order: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                order_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AmendOrderBody"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Success"];
                };
            };
            /** @description Written down; its effect is to come */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Accepted"];
                };
            };
            /** @description The body is not JSON */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No API key, or none that is known */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description There is no such thing of this account */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path has not this method */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused, with the code of the market or the registry */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is not application/json */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Fields are wrong; every one is named */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too much at once; nothing was done */
            429: {
                headers: {
                    /** @description the policy that is used up, and the seconds until there is more (draft-ietf-httpapi-ratelimit-headers-10); with other answers, what is left */
                    RateLimit?: string;
                    /** @description quota and window of the key and of its account */
                    "RateLimit-Policy"?: string;
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A fault of the server */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A server that is needed is away */
            503: {
                headers: {
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    explain_order: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                order_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Explanation"];
                };
            };
            /** @description No API key, or none that is known */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description There is no such thing of this account */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path has not this method */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Fields are wrong; every one is named */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too much at once; nothing was done */
            429: {
                headers: {
                    /** @description the policy that is used up, and the seconds until there is more (draft-ietf-httpapi-ratelimit-headers-10); with other answers, what is left */
                    RateLimit?: string;
                    /** @description quota and window of the key and of its account */
                    "RateLimit-Policy"?: string;
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A fault of the server */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A server that is needed is away */
            503: {
                headers: {
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_trades: {
        parameters: {
            query?: {
                /** @description next_cursor of the page before */
                cursor?: string;
                /** @description an integer from 1 to 1000 */
                limit?: number;
            };
            header?: never;
            path: {
                order_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Trades"];
                };
            };
            /** @description No API key, or none that is known */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description There is no such thing of this account */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path has not this method */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Fields are wrong; every one is named */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too much at once; nothing was done */
            429: {
                headers: {
                    /** @description the policy that is used up, and the seconds until there is more (draft-ietf-httpapi-ratelimit-headers-10); with other answers, what is left */
                    RateLimit?: string;
                    /** @description quota and window of the key and of its account */
                    "RateLimit-Policy"?: string;
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A fault of the server */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A server that is needed is away */
            503: {
                headers: {
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    match_book: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["MatchBookBody"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Match"];
                };
            };
            /** @description Written down; its effect is to come */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Accepted"];
                };
            };
            /** @description The body is not JSON */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No API key, or none that is known */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path has not this method */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is not application/json */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Fields are wrong; every one is named */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too much at once; nothing was done */
            429: {
                headers: {
                    /** @description the policy that is used up, and the seconds until there is more (draft-ietf-httpapi-ratelimit-headers-10); with other answers, what is left */
                    RateLimit?: string;
                    /** @description quota and window of the key and of its account */
                    "RateLimit-Policy"?: string;
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A fault of the server */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A server that is needed is away */
            503: {
                headers: {
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    preview_order: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PlaceOrderBody"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Preview"];
                };
            };
            /** @description The body is not JSON */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No API key, or none that is known */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path has not this method */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is not application/json */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Fields are wrong; every one is named */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too much at once; nothing was done */
            429: {
                headers: {
                    /** @description the policy that is used up, and the seconds until there is more (draft-ietf-httpapi-ratelimit-headers-10); with other answers, what is left */
                    RateLimit?: string;
                    /** @description quota and window of the key and of its account */
                    "RateLimit-Policy"?: string;
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A fault of the server */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A server that is needed is away */
            503: {
                headers: {
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    calculate_price: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CalculatePriceBody"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CalculatedPrice"];
                };
            };
            /** @description The body is not JSON */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No API key, or none that is known */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path has not this method */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is not application/json */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Fields are wrong; every one is named */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too much at once; nothing was done */
            429: {
                headers: {
                    /** @description the policy that is used up, and the seconds until there is more (draft-ietf-httpapi-ratelimit-headers-10); with other answers, what is left */
                    RateLimit?: string;
                    /** @description quota and window of the key and of its account */
                    "RateLimit-Policy"?: string;
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A fault of the server */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A server that is needed is away */
            503: {
                headers: {
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_windows: {
        parameters: {
            query?: {
                /** @description next_cursor of the page before */
                cursor?: string;
                /** @description RFC 3339 with its offset, or ms since 1970; a day before `to` if absent */
                from?: unknown;
                /** @description a gpu_type of the catalogue (B1) */
                gpu_type?: string;
                /** @description an integer from 1 to 1000 */
                limit?: number;
                /** @description ondemand, spot or reserved (B1) */
                product?: "ondemand" | "spot" | "reserved";
                /** @description a region of the catalogue; absent for all of them together */
                region?: string;
                /** @description RFC 3339 with its offset, or ms since 1970, not included; now if absent */
                to?: unknown;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PriceHistory"];
                };
            };
            /** @description No API key, or none that is known */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path has not this method */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Fields are wrong; every one is named */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too much at once; nothing was done */
            429: {
                headers: {
                    /** @description the policy that is used up, and the seconds until there is more (draft-ietf-httpapi-ratelimit-headers-10); with other answers, what is left */
                    RateLimit?: string;
                    /** @description quota and window of the key and of its account */
                    "RateLimit-Policy"?: string;
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A fault of the server */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A server that is needed is away */
            503: {
                headers: {
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    show_spot_prices: {
        parameters: {
            query?: {
                /** @description a gpu_type of the catalogue (B1); absent for every one */
                gpu_type?: string;
                /** @description a region of the catalogue; absent for all of them together */
                region?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SpotPrices"];
                };
            };
            /** @description No API key, or none that is known */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path has not this method */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Fields are wrong; every one is named */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too much at once; nothing was done */
            429: {
                headers: {
                    /** @description the policy that is used up, and the seconds until there is more (draft-ietf-httpapi-ratelimit-headers-10); with other answers, what is left */
                    RateLimit?: string;
                    /** @description quota and window of the key and of its account */
                    "RateLimit-Policy"?: string;
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A fault of the server */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A server that is needed is away */
            503: {
                headers: {
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_providers: {
        parameters: {
            query?: {
                /** @description next_cursor of the page before */
                cursor?: string;
                /** @description an integer from 1 to 1000 */
                limit?: number;
                /** @description pending_kyc, verified, suspended */
                status?: "pending_kyc" | "verified" | "suspended";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Providers"];
                };
            };
            /** @description No API key, or none that is known */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path has not this method */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Fields are wrong; every one is named */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too much at once; nothing was done */
            429: {
                headers: {
                    /** @description the policy that is used up, and the seconds until there is more (draft-ietf-httpapi-ratelimit-headers-10); with other answers, what is left */
                    RateLimit?: string;
                    /** @description quota and window of the key and of its account */
                    "RateLimit-Policy"?: string;
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A fault of the server */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A server that is needed is away */
            503: {
                headers: {
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    create_provider: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateProviderBody"];
            };
        };
        responses: {
            /** @description Made */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreatedProvider"];
                };
            };
            /** @description The body is not JSON */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No API key, or none that is known */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path has not this method */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused, with the code of the market or the registry */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is not application/json */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Fields are wrong; every one is named */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too much at once; nothing was done */
            429: {
                headers: {
                    /** @description the policy that is used up, and the seconds until there is more (draft-ietf-httpapi-ratelimit-headers-10); with other answers, what is left */
                    RateLimit?: string;
                    /** @description quota and window of the key and of its account */
                    "RateLimit-Policy"?: string;
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A fault of the server */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A server that is needed is away */
            503: {
                headers: {
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    show_provider: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                provider_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Provider"];
                };
            };
            /** @description No API key, or none that is known */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description There is no such thing of this account */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path has not this method */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Fields are wrong; every one is named */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too much at once; nothing was done */
            429: {
                headers: {
                    /** @description the policy that is used up, and the seconds until there is more (draft-ietf-httpapi-ratelimit-headers-10); with other answers, what is left */
                    RateLimit?: string;
                    /** @description quota and window of the key and of its account */
                    "RateLimit-Policy"?: string;
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A fault of the server */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A server that is needed is away */
            503: {
                headers: {
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    change_provider: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                provider_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ChangeProviderBody"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Provider"];
                };
            };
            /** @description Written down; its effect is to come */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Provider"];
                };
            };
            /** @description The body is not JSON */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No API key, or none that is known */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description There is no such thing of this account */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path has not this method */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is not application/json */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Fields are wrong; every one is named */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too much at once; nothing was done */
            429: {
                headers: {
                    /** @description the policy that is used up, and the seconds until there is more (draft-ietf-httpapi-ratelimit-headers-10); with other answers, what is left */
                    RateLimit?: string;
                    /** @description quota and window of the key and of its account */
                    "RateLimit-Policy"?: string;
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A fault of the server */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A server that is needed is away */
            503: {
                headers: {
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    create_cluster: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                provider_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateClusterBody"];
            };
        };
        responses: {
            /** @description Made */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreatedCluster"];
                };
            };
            /** @description The body is not JSON */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No API key, or none that is known */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description There is no such thing of this account */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path has not this method */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is not application/json */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Fields are wrong; every one is named */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too much at once; nothing was done */
            429: {
                headers: {
                    /** @description the policy that is used up, and the seconds until there is more (draft-ietf-httpapi-ratelimit-headers-10); with other answers, what is left */
                    RateLimit?: string;
                    /** @description quota and window of the key and of its account */
                    "RateLimit-Policy"?: string;
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A fault of the server */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A server that is needed is away */
            503: {
                headers: {
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    show_own_provider: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Provider"];
                };
            };
            /** @description No API key, or none that is known */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description There is no such thing of this account */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path has not this method */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Fields are wrong; every one is named */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too much at once; nothing was done */
            429: {
                headers: {
                    /** @description the policy that is used up, and the seconds until there is more (draft-ietf-httpapi-ratelimit-headers-10); with other answers, what is left */
                    RateLimit?: string;
                    /** @description quota and window of the key and of its account */
                    "RateLimit-Policy"?: string;
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A fault of the server */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A server that is needed is away */
            503: {
                headers: {
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_own_clusters: {
        parameters: {
            query?: {
                /** @description next_cursor of the page before */
                cursor?: string;
                /** @description an integer from 1 to 1000 */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Clusters"];
                };
            };
            /** @description No API key, or none that is known */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description There is no such thing of this account */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path has not this method */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Fields are wrong; every one is named */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too much at once; nothing was done */
            429: {
                headers: {
                    /** @description the policy that is used up, and the seconds until there is more (draft-ietf-httpapi-ratelimit-headers-10); with other answers, what is left */
                    RateLimit?: string;
                    /** @description quota and window of the key and of its account */
                    "RateLimit-Policy"?: string;
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A fault of the server */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A server that is needed is away */
            503: {
                headers: {
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_own_revenue: {
        parameters: {
            query?: {
                /** @description day, provider or gpu_type */
                by?: "day" | "provider" | "gpu_type";
                /** @description a whole day: such as 2026-11-24, or its beginning, 0 h UTC, in RFC 3339 with its offset, or ms since 1970 */
                from?: unknown;
                /** @description a whole day: such as 2026-11-24, or its beginning, 0 h UTC, in RFC 3339 with its offset, or ms since 1970; not included; the end of the running day if absent */
                to?: unknown;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Revenue"];
                    "text/csv": string;
                };
            };
            /** @description No API key, or none that is known */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description There is no such thing of this account */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path has not this method */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Fields are wrong; every one is named */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too much at once; nothing was done */
            429: {
                headers: {
                    /** @description the policy that is used up, and the seconds until there is more (draft-ietf-httpapi-ratelimit-headers-10); with other answers, what is left */
                    RateLimit?: string;
                    /** @description quota and window of the key and of its account */
                    "RateLimit-Policy"?: string;
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A fault of the server */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A server that is needed is away */
            503: {
                headers: {
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_readings: {
        parameters: {
            query?: {
                /** @description next_cursor of the page before */
                cursor?: string;
                /** @description RFC 3339 with its offset, or ms since 1970; an hour before `to` if absent */
                from?: unknown;
                /** @description gpu, or node for those of itself */
                kind?: "gpu" | "node";
                /** @description an integer from 1 to 1000 */
                limit?: number;
                /** @description raw for single readings, 10s or 1m for windows of all GPUs together, auto for the one that fits the time between `from` and `to`; of the node itself only raw */
                step?: "raw" | "10s" | "1m" | "auto";
                /** @description RFC 3339 with its offset, or ms since 1970, not included; now if absent */
                to?: unknown;
            };
            header?: never;
            path: {
                node_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Readings"];
                };
            };
            /** @description No API key, or none that is known */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description There is no such thing of this account */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path has not this method */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Fields are wrong; every one is named */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too much at once; nothing was done */
            429: {
                headers: {
                    /** @description the policy that is used up, and the seconds until there is more (draft-ietf-httpapi-ratelimit-headers-10); with other answers, what is left */
                    RateLimit?: string;
                    /** @description quota and window of the key and of its account */
                    "RateLimit-Policy"?: string;
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A fault of the server */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A server that is needed is away */
            503: {
                headers: {
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    add_batch: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TelemetryBatchBody"];
            };
        };
        responses: {
            /** @description Written down; its effect is to come */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TakenBatch"];
                };
            };
            /** @description The body is not JSON */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No API key, or none that is known */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description There is no such thing of this account */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path has not this method */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is not application/json */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Fields are wrong; every one is named */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too much at once; nothing was done */
            429: {
                headers: {
                    /** @description the policy that is used up, and the seconds until there is more (draft-ietf-httpapi-ratelimit-headers-10); with other answers, what is left */
                    RateLimit?: string;
                    /** @description quota and window of the key and of its account */
                    "RateLimit-Policy"?: string;
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A fault of the server */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A server that is needed is away */
            503: {
                headers: {
                    /** @description seconds to wait before it is sent again */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
}
