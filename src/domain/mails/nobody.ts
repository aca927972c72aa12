/** The end of the addresses that deleted accounts have: nobody reads what is sent there. */
export const NOBODYS = '@deleted.invalid'
